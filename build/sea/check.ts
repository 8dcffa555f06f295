import { closeSync, existsSync, fstatSync, openSync, readSync } from 'node:fs';
import { ExecaError, execa } from 'execa';
import { parseElf } from '../elf/elf.ts';
import { BuildError } from '../error.ts';
import { inGroup } from '../process/child-group.ts';
import { groupOptions } from '../process/run.ts';

/**
 * Runs a compiled executable and looks at what it says: its version, and nothing on standard error, where Node would
 * say that it does not believe the code cache. Where the host lacks the executable's loader, as for another C library,
 * it cannot run here and is left unchecked; that its loader and libraries are in the image, the audit sees.
 * @param file absolute path
 * @param version what it must say
 * @throws BuildError if it does not start or says something else
 */
export async function checkExecutable(
  file: string,
  version: string,
  signal?: AbortSignal,
): Promise<void> {
  const loader = loaderOf(file);
  if (loader !== undefined && !existsSync(loader)) return;
  const said = await answer(file, signal);
  if (said === `${version}\n`) return;
  throw new BuildError({
    what: `the programs were compiled, and \`qx --version\` says ${JSON.stringify(said.slice(0, 300))} instead of ${version}`,
    where: 'apps/qx.ts',
  });
}

async function answer(file: string, signal: AbortSignal | undefined): Promise<string> {
  try {
    const child = execa(file, ['--version'], {
      ...groupOptions({ signal }),
      all: true,
      stripFinalNewline: false,
    });
    const { all } = await inGroup(child, signal);
    return typeof all === 'string' ? all : '';
  } catch (error) {
    if (!(error instanceof ExecaError)) throw error;
    if (error.code === 'EACCES') throw refusedToRun(file, error);
    throw new BuildError({
      what: `the programs were compiled, and do not start: ${error.shortMessage}`,
      where: 'apps/qx.ts',
      cause: error,
    });
  }
}

/** The file may be run by its mode, so it is the file system that refuses: mount(8), `noexec`. */
function refusedToRun(file: string, cause: Error): BuildError {
  return new BuildError({
    what: 'the programs were compiled, and cannot be tried: their file system runs no programs (noexec)',
    where: file,
    fix: 'Set QUANTIX_CACHE to a folder on another file system.',
    cause,
  });
}

/** The dynamic loader that an executable names; none if it is linked statically. */
function loaderOf(file: string): string | undefined {
  const descriptor = openSync(file, 'r');
  try {
    return parseElf({
      name: file,
      size: fstatSync(descriptor).size,
      read: (from, into) => readSync(descriptor, into, 0, into.length, from),
    }).interpreter;
  } finally {
    closeSync(descriptor);
  }
}
