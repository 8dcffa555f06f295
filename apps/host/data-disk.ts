import { join } from 'node:path';
import { readMounts } from './mounts.ts';
import { readText } from './read.ts';

/** Where the data disk is mounted. */
const DISK = '/data';
/** Folder of libvirt's definitions, bound from the disk. */
const DEFINITIONS = '/etc/libvirt/qemu';
/** By the initramfs: why a disk that is there is not mounted. */
const UNMOUNTED = 'run/quantix/unmounted-data';
/** By the service `quantix-data`: why nothing is kept. */
const REASON = 'run/quantix/not-persistent';

/**
 * Whether what a host keeps of its virtual machines outlives a restart. One that is `unusable` is there, may hold all that there
 * was, and nothing is kept elsewhere instead.
 */
export type DataDisk =
  | { state: 'used'; problem: null }
  | { state: 'absent' | 'unusable'; problem: string };

/** Looks whether libvirt's folders lie on a data disk, at this moment. @param root folder in which proc and run are */
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
