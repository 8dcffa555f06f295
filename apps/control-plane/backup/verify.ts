import type { DatabaseAddress } from '../database/connection.ts';
import type { Archive } from './archive.ts';
import { expectRestorable } from './restore.ts';
import { dropDatabase, openBeside, restoreBeside } from './scratch-database.ts';

/**
 * Restores a backup into a scratch database of the same server, compares the database with the backup's manifest, and
 * drops the database.
 * @throws ControlPlaneError if the backup could not be restored here
 */
export async function verifyBackup(
  archive: Archive,
  {
    address,
    own,
    signal,
  }: {
    address: DatabaseAddress;
    own: Parameters<typeof expectRestorable>[1];
    signal: AbortSignal;
  },
): Promise<void> {
  await expectRestorable(archive.manifest, own);
  const beside = await openBeside(address);
  try {
    const { address: scratch } = await restoreBeside(beside, address, archive, signal);
    await dropDatabase(beside, scratch.database);
  } finally {
    await beside.end();
  }
}
