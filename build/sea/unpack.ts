import { createWriteStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { list, type ReadEntry } from 'tar';
import { BuildError } from '../error.ts';

/** Path of Node in its archives, below their top folder. */
const PROGRAM = /^(?:\.\/)?[^/]+\/bin\/node$/;

/**
 * Extracts the executable from a Node archive of nodejs.org: a gzipped tar with one top folder.
 * @param archive path on the host
 * @param into output path; written only if the archive contains the executable
 * @throws BuildError if the archive is damaged, or does not contain exactly one executable
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
