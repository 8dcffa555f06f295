import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { writeFileAtomically } from '../process/atomic-write.ts';
import { errorCode } from '../process/errno.ts';
import { withFileLock } from '../process/file-lock.ts';
import {
  CHECKSUMS,
  type Checksums,
  formatChecksums,
  parseChecksums,
} from '../release/checksums.ts';

/**
 * Reads the checksums of a folder.
 * @returns an empty map if the folder has no `SHA256SUMS` or does not exist
 * @throws ExplainedError if the file is malformed
 */
export async function readChecksums(directory: string): Promise<Checksums> {
  const path = join(directory, CHECKSUMS);
  return parseChecksums(await textIfThere(path), path);
}

/**
 * Adds or updates lines of a folder's `SHA256SUMS`; a lock lets one process at a time do this. Lines of files that no
 * longer exist are removed.
 * @param changed file name → SHA-256 in hex
 * @throws ExplainedError if the existing file is malformed
 */
export async function updateChecksums(
  directory: string,
  changed: Readonly<Record<string, string>>,
  signal?: AbortSignal,
): Promise<void> {
  const update = async () => {
    const present = new Set(await readdir(directory));
    const kept = [...(await readChecksums(directory))].filter(([name]) => present.has(name));
    const text = formatChecksums(new Map([...kept, ...Object.entries(changed)]));
    await writeFileAtomically(join(directory, CHECKSUMS), text);
  };
  const file = join(directory, `.${CHECKSUMS}.lock`);
  await withFileLock({ file, kind: 'exclusive', signal }, update);
}

async function textIfThere(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return '';
    throw error;
  }
}
