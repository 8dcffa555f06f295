import { list, type ReadEntry } from 'tar';
import { BuildError } from '../error.ts';

/** Where an archive of Node has its licence and those of all that is built into it, below its one folder. */
const LICENSE = /^(?:\.\/)?[^/]+\/LICENSE$/;

/** Bytes of such a file at most; that of Node 26 has 0.2 MB. */
const LARGEST = 4 * 1024 * 1024;

/**
 * The licence of a Node, from the archive that it comes in.
 * @param archive path on the host: a gzipped tar with one folder, of nodejs.org or of npm
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
