import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { ExecaError, execa } from 'execa';
import { ARCHITECTURES, type ArchitectureName, runsHere } from '../architecture.ts';
import { BuildError } from '../error.ts';
import { inGroup } from '../process/child-group.ts';
import { groupOptions, run } from '../process/run.ts';

/**
 * Options of V8 in the executable. Programs that are mostly idle need no young generation of 16 MB: one of 1 MB keeps
 * the agent's memory 1 MB smaller at rest, and more under load.
 */
const V8_OPTIONS = ['--max-semi-space-size=1'];

/** Makes the code cache the same each time: V8 draws the seed of its hashes from it. */
const SAME_EACH_TIME = '--random-seed=1';

/** What an executable is made of. */
export interface CompileRequest {
  /** The bundled programs. */
  code: string;
  /** What `node` is built for. */
  architecture: ArchitectureName;
  /** Path of the Node that compiles, on this host; of the same version as `node`. */
  compiler: string;
  /** Path of the Node that the executable is made from. */
  node: string;
  /** Path of the result. */
  output: string;
  signal?: AbortSignal | undefined;
}

/**
 * Makes a single executable application: Node without its symbols, with the programs in it and, for this host's CPU, their code cache
 * (https://nodejs.org/api/single-executable-applications.html). The same input gives the same bytes.
 * @throws BuildError if strip or Node fails
 */
export async function compile(request: CompileRequest): Promise<void> {
  const { code, architecture, compiler, node, output, signal } = request;
  const { strip } = ARCHITECTURES[architecture];
  const folder = await mkdtemp(join(dirname(output), '.compiling-'));
  try {
    // Before the programs are put in: strip would move the note that they are in, and Node then crashes.
    await run(strip, ['--strip-all', '-o', join(folder, 'node'), node], { signal });
    await writeFile(join(folder, 'qx.cjs'), code);
    await writeFile(
      join(folder, 'sea.json'),
      JSON.stringify(seaConfig(output, runsHere(ARCHITECTURES[architecture]))),
    );
    await buildSea(compiler, folder, signal);
    await chmod(output, 0o755);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/**
 * The configuration; the names of files in it are in the executable, and are therefore relative. The code cache is
 * machine code of the CPU that compiles: for another CPU there is none, and programs start slower.
 */
function seaConfig(output: string, useCodeCache: boolean) {
  return {
    main: 'qx.cjs',
    mainFormat: 'commonjs',
    executable: 'node',
    output,
    disableExperimentalSEAWarning: true,
    useCodeCache,
    execArgv: V8_OPTIONS,
    execArgvExtension: 'none',
  };
}

async function buildSea(compiler: string, cwd: string, signal: AbortSignal | undefined) {
  const options = groupOptions({ cwd, signal });
  try {
    await inGroup(execa(compiler, [SAME_EACH_TIME, '--build-sea', 'sea.json'], options), signal);
  } catch (error) {
    if (!(error instanceof ExecaError)) throw error;
    throw new BuildError({
      what: error.isCanceled
        ? 'compiling the programs was cancelled'
        : `the programs cannot be compiled: ${error.shortMessage}`,
      where: compiler,
      fix: error.code === 'ENOENT' ? 'Install it: npm ci' : undefined,
      cause: error,
    });
  }
}
