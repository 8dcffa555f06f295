import { dirname, join } from 'node:path';
import { isWritableMount, readMounts } from '../../host/mounts.ts';
import { readText } from '../../host/read.ts';
import type { DeploymentPlaces } from './places.ts';

/**
 * Returns why a deployed agent is lost at the next restart of the host, because it is stored in memory; `null` if it is
 * kept.
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
