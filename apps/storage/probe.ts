import { constants } from 'node:fs';
import { open, rm } from 'node:fs/promises';
import { join } from 'node:path';

/** Always the same, so that a power cut leaves one at most. */
const NAME = '.quantix-probe';

/**
 * Writes a small file into a pool's folder, down to the disk, and removes it.
 * @throws Error of the system why that cannot be done
 */
export async function probe(folder: string): Promise<void> {
  const path = join(folder, NAME);
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC | constants.O_NOFOLLOW;
  {
    await using file = await open(path, flags, 0o600);
    await file.writeFile('Written to see whether this can be done.\n');
    await file.sync();
  }
  await rm(path);
}
