import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { ARCHITECTURES, type ArchitectureName } from '../architecture.ts';
import { BuildError } from '../error.ts';
import { inGroup } from '../process/child-group.ts';
import { groupOptions, isChildError, run } from '../process/run.ts';
import { injectPrograms } from './inject.ts';
import type { Command } from './own-node.ts';

/**
 * Options of V8 in the executable. Programs that are mostly idle need no young generation of 16 MB: one of 1 MB keeps
 * the agent's memory 1 MB smaller at rest, and more under load.
 */
const V8_OPTIONS = ['--max-semi-space-size=1'];

/** Makes the code cache the same each time: V8 draws the seed of its hashes from it. */
const SAME_EACH_TIME = '--random-seed=1';

/** What an executable is made of. */
export interface CompileRequest {
  /** The bundled programs, or what they will be: Node is made ready meanwhile. */
  code: string | Promise<string>;
  /** What `node` is built for. */
  architecture: ArchitectureName;
  /** How the Node that prepares the programs is called on this host. */
  preparer: Command;
  /** Whether they get a code cache; then the preparer is of the version and for the CPU of `node`. */
  codeCache: boolean;
  /** Path of the Node that the executable is made from. */
  node: string;
  /** Path of the result. */
  output: string;
  signal?: AbortSignal | undefined;
}

/** Name of what the preparer makes. */
const BLOB = 'qx.blob';

/**
 * Makes a single executable application: Node without its symbols, with the programs in it and, where it is asked for,
 * their code cache (https://nodejs.org/api/single-executable-applications.html). The same input gives the same bytes.
 * @throws BuildError if strip or Node fails, or if programs cannot be put into this Node
 */
export async function compile(request: CompileRequest): Promise<void> {
  const { code, architecture, preparer, codeCache, node, output, signal } = request;
  const { strip } = ARCHITECTURES[architecture];
  const folder = await mkdtemp(join(dirname(output), '.compiling-'));
  const inFolder = (name: string) => join(folder, name);
  try {
    const prepared = async () => {
      await writeFile(inFolder('qx.cjs'), await code);
      await writeFile(inFolder('sea.json'), JSON.stringify(seaConfig(codeCache)));
      await prepare(preparer, folder, signal);
    };
    await bothOf(
      // Before the programs are put in: strip would move the note that they are in.
      run(strip, ['--strip-all', '-o', inFolder('node'), node], { signal }),
      prepared(),
    );
    await injectPrograms(inFolder('node'), inFolder(BLOB));
    await rename(inFolder('node'), output);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Waits for both, also where one fails: they write into one folder. @throws what the first that failed throws */
async function bothOf(one: Promise<unknown>, other: Promise<unknown>): Promise<void> {
  await Promise.allSettled([one, other]);
  await Promise.all([one, other]);
}

/**
 * The configuration; the names of files in it are in the executable, and are therefore relative. The code cache is
 * machine code of the CPU that prepares: without it programs start slower.
 */
function seaConfig(useCodeCache: boolean) {
  return {
    main: 'qx.cjs',
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
    await inGroup(execa(command, args, options), signal);
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
