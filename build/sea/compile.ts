import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { ARCHITECTURES, type ArchitectureName } from '../architecture.ts';
import { BuildError } from '../error.ts';
import { superviseGroup } from '../process/child-group.ts';
import { groupOptions, isChildError, run } from '../process/run.ts';
import { logTool } from '../process/tool-log.ts';
import { injectPrograms } from './inject.ts';
import type { Command } from './own-node.ts';

/**
 * Options of V8 in the executable. Programs that are mostly idle do not need a young generation of 16 MB: with 1 MB,
 * the agent uses 1 MB less memory when idle, and saves more under load.
 */
const V8_OPTIONS = ['--max-semi-space-size=1'];

/** Makes the code cache reproducible: V8 derives the seed of its hashes from this option. */
const SAME_EACH_TIME = '--random-seed=1';

/** Input of `compileExecutable`. */
export interface CompileRequest {
  /** The bundled programs, or a promise of them, because Node is stripped while they are being bundled. */
  code: string | Promise<string>;
  /** Architecture of `node`. */
  architecture: ArchitectureName;
  /** How to run the Node that prepares the programs on this host. */
  preparer: Command;
  /** Whether the programs get a code cache, which needs a preparer with the version and architecture of `node`. */
  codeCache: boolean;
  /** Path of the Node from which the executable is made. */
  node: string;
  /** Path of the result. */
  output: string;
  signal?: AbortSignal | undefined;
}

/** Name of the preparer's output file. */
const BLOB = 'programs.blob';

/**
 * Makes a single executable application: Node without symbols, the programs and, if requested, their code cache
 * (https://nodejs.org/api/single-executable-applications.html). The same input gives the same bytes.
 * @throws BuildError if strip or Node fails, or if programs cannot be added to this Node
 */
export async function compileExecutable(request: CompileRequest): Promise<void> {
  const { code, architecture, preparer, codeCache, node, output, signal } = request;
  const { strip } = ARCHITECTURES[architecture];
  const folder = await mkdtemp(join(dirname(output), '.compiling-'));
  const inFolder = (name: string) => join(folder, name);
  try {
    const prepared = async () => {
      await writeFile(inFolder('programs.cjs'), await code);
      await writeFile(inFolder('sea.json'), JSON.stringify(seaConfig(codeCache)));
      await prepare(preparer, folder, signal);
    };
    await bothOf(
      // Node is stripped before the programs are added, because strip would move the note that contains them.
      run(strip, ['--strip-all', '-o', inFolder('node'), node], { signal }),
      prepared(),
    );
    await injectPrograms(inFolder('node'), inFolder(BLOB));
    await rename(inFolder('node'), output);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Waits for both promises even if one fails, because both write to the same folder. @throws the first error */
async function bothOf(one: Promise<unknown>, other: Promise<unknown>): Promise<void> {
  await Promise.allSettled([one, other]);
  await Promise.all([one, other]);
}

/**
 * Returns the configuration for `--experimental-sea-config`. The file names in it become part of the executable, so
 * they are relative. The code cache is machine code for the preparer's CPU; without it, programs start more slowly.
 */
function seaConfig(useCodeCache: boolean) {
  return {
    main: 'programs.cjs',
    mainFormat: 'commonjs',
    output: BLOB,
    disableExperimentalSEAWarning: true,
    useCodeCache,
    execArgv: V8_OPTIONS,
    execArgvExtension: 'none',
  };
}

async function prepare(
  { command, before, environment = {} }: Command,
  cwd: string,
  signal: AbortSignal | undefined,
) {
  const options = { ...groupOptions({ cwd, signal }), env: environment };
  const args = [...before, SAME_EACH_TIME, '--experimental-sea-config', 'sea.json'];
  const { execa } = await import('execa');
  try {
    await superviseGroup(logTool(execa(command, args, options), [command, ...args], cwd), signal);
  } catch (error) {
    if (!isChildError(error)) throw error;
    throw new BuildError({
      what: error.isCanceled
        ? 'compiling the programs was cancelled'
        : `the programs cannot be compiled: ${error.shortMessage}`,
      where: command,
      fix: error.code === 'ENOENT' ? 'Install it: npm ci' : undefined,
      cause: error,
    });
  }
}
