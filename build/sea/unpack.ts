import { createWriteStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { list, type ReadEntry } from 'tar';
import { BuildError } from '../error.ts';

/** Where Node lies in its archives, below their one folder. */
const PROGRAM = /^(?:\.\/)?[^/]+\/bin\/node$/;

/**
 * Takes the program out of an archive of Node, as nodejs.org has them: a gzipped tar with one folder.
 * @param archive path on the host
 * @param into path for the program; written only if the archive has it
 * @throws BuildError if the archive is damaged, or has no or several such programs
 */
export async function unpackNode(archive: string, into: string): Promise<void> {
  const writing: Promise<void>[] = [];
  const onReadEntry = (entry: ReadEntry) => {
    if (entry.type === 'File' && PROGRAM.test(entry.path)) {
      writing.push(pipeline(entry, createWriteStream(into, { flags: 'wx', mode: 0o755 })));
    } else entry.resume();
  };
  try {
    await list({ file: archive, strict: true, onReadEntry });
    await Promise.all(writing);
  } catch (cause) {
    throw new BuildError({
      what: `the archive of Node is damaged: ${cause instanceof Error ? cause.message : String(cause)}`,
      where: archive,
      fix: 'Check its address, size and SHA-256 in the profile.',
      cause,
    });
  }
  if (writing.length === 1) return;
  throw new BuildError({
    what: 'the archive of Node has no program <folder>/bin/node',
    where: archive,
    fix: 'Name a .tar.gz as nodejs.org has them.',
  });
}
