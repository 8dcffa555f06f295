import { closeSync, existsSync, fstatSync, openSync, readSync } from 'node:fs';
import { basename } from 'node:path';
import { parseElf } from '../elf/elf.ts';
import { BuildError } from '../error.ts';
import { superviseGroup } from '../process/child-group.ts';
import { groupOptions, isChildError } from '../process/run.ts';
import { logTool } from '../process/tool-log.ts';
import type { Command, OwnLoader } from './own-node.ts';

/**
 * Runs a compiled executable with `--version` and checks that it prints the version, and nothing on standard error,
 * where Node reports a rejected code cache. An executable whose loader is neither given nor on this host, for example
 * because it is for another C library, is not checked; the audit checks that loader and libraries are in the image.
 * @param file absolute path
 * @param version expected version
 * @param loader loader to run it with, instead of the one on the host
 * @throws BuildError if it does not start or its output differs
 */
export async function checkExecutable(
  file: string,
  version: string,
  { loader, signal }: { loader?: OwnLoader | undefined; signal?: AbortSignal | undefined } = {},
): Promise<void> {
  const named = loaderOf(file);
  if (loader === undefined && named !== undefined && !existsSync(named)) return;
  const said = await answer(
    loader?.call(file, basename(file)) ?? { command: file, before: [] },
    signal,
  );
  if (said === `${version}\n`) return;
  throw new BuildError({
    what: `the programs were compiled, and their \`--version\` says ${JSON.stringify(said.slice(0, 300))} instead of ${version}`,
    where: file,
  });
}

async function answer(
  { command, before, environment = {} }: Command,
  signal: AbortSignal | undefined,
): Promise<string> {
  const { execa } = await import('execa');
  try {
    const words = [...before, '--version'];
    const child = execa(command, words, {
      ...groupOptions({ signal }),
      env: environment,
      all: true,
      stripFinalNewline: false,
    });
    logTool(child, [command, ...words]);
    const { all } = await superviseGroup(child, signal);
    return typeof all === 'string' ? all : '';
  } catch (error) {
    if (!isChildError(error)) throw error;
    if (error.code === 'EACCES') throw refusedToRun(command, error);
    throw new BuildError({
      what: `the programs were compiled, and do not start: ${error.shortMessage}`,
      where: command,
      cause: error,
    });
  }
}

/** The file's mode allows execution, so the file system forbids it: mount(8), `noexec`. */
function refusedToRun(file: string, cause: Error): BuildError {
  return new BuildError({
    what: 'the programs were compiled, and cannot be tried: their file system runs no programs (noexec)',
    where: file,
    fix: 'Name a folder on another file system with --cache-dir or QUANTIX_CACHE.',
    cause,
  });
}

/** Returns the dynamic loader that an executable names; none if it is statically linked. */
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
