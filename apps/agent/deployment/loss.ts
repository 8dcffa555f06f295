import { dirname, join } from 'node:path';
import { isWritableMount, readMounts } from '../../host/mounts.ts';
import { readText } from '../../host/read.ts';
import type { DeploymentPlaces } from './places.ts';

/**
 * Returns the reason why a deployed agent is stored in memory, and is therefore lost at the next restart of the host;
 * `null` if it is stored on a disk.
 */
export async function readLoss({
  root,
  record,
  programs,
}: DeploymentPlaces): Promise<string | null> {
  const reason = (await readText(join(root, 'run/quantix/not-persistent'))).trim();
  if (reason !== '') return reason;
  const mounts = await readMounts(root);
  if (!isWritableMount(dirname(programs), mounts)) return 'there is no data disk';
  if (!isWritableMount(dirname(dirname(record)), mounts)) return 'there is no configuration disk';
  return null;
}
