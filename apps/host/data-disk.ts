import { join } from 'node:path';
import { readMounts } from './mounts.ts';
import { readText } from './read.ts';

/** Mount point of the data disk. */
const DISK = '/data';
/** Folder of libvirt's definitions, bind-mounted from the disk. */
const DEFINITIONS = '/etc/libvirt/qemu';
/** Written by the initramfs: why an existing disk is not mounted. */
const UNMOUNTED = 'run/quantix/unmounted-data';
/** Written by the service `quantix-data`: why no data survives a restart. */
const REASON = 'run/quantix/not-persistent';

/**
 * Whether the virtual machines of a host survive a restart. In the state `unusable`, a data disk exists and may contain
 * earlier data, but cannot be used; no other disk is used instead.
 */
export type DataDisk =
  | { state: 'used'; problem: null }
  | { state: 'absent' | 'unusable'; problem: string };

/** Reads whether libvirt's folders are on a data disk at this moment. @param root folder that contains proc and run */
export async function readDataDisk(root = '/'): Promise<DataDisk> {
  const mounts = await readMounts(root);
  const disk = mounts.find(({ path }) => path === DISK);
  const definitions = mounts.find(({ path }) => path === DEFINITIONS);
  const [unmounted, reason] = await Promise.all(
    [UNMOUNTED, REASON].map(async (file) => (await readText(join(root, file))).trim()),
  );
  if (disk === undefined) {
    if (unmounted) return { state: 'unusable', problem: reason || unmounted };
    return { state: 'absent', problem: reason || 'there is no data disk' };
  }
  if (definitions?.device !== disk.device) {
    return { state: 'unusable', problem: reason || `no folder of ${DISK} is in use` };
  }
  if (disk.readOnly) return { state: 'unusable', problem: `${DISK} can only be read` };
  return { state: 'used', problem: null };
}
