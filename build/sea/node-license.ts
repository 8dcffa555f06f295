import { list, type ReadEntry } from 'tar';
import { BuildError } from '../error.ts';

/** Path in a Node archive, below its top folder, of the file with its licence and those of its components. */
const LICENSE = /^(?:\.\/)?[^/]+\/LICENSE$/;

/** Maximum number of bytes of this file; that of Node 26 has 0.2 MB. */
const LARGEST = 4 * 1024 * 1024;

/**
 * Reads the licence of Node from its archive.
 * @param archive path on the host: a gzipped tar with one top folder, from nodejs.org or npm
 * @returns `undefined` if it has none
 * @throws BuildError if the archive is damaged
 */
export async function readNodeLicense(archive: string): Promise<Buffer | undefined> {
  const chunks: Buffer[] = [];
  let found = false;
  const onReadEntry = (entry: ReadEntry) => {
    if (entry.type === 'File' && LICENSE.test(entry.path) && (entry.size ?? 0) <= LARGEST) {
      found = true;
      entry.on('data', (chunk: Buffer) => chunks.push(chunk));
    } else entry.resume();
  };
  try {
    await list({ file: archive, strict: true, onReadEntry });
  } catch (cause) {
    throw new BuildError({ what: 'the archive of Node is damaged', where: archive, cause });
  }
  return found ? Buffer.concat(chunks) : undefined;
}
