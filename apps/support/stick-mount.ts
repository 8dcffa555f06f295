import { mkdir, mkdtemp, rmdir } from 'node:fs/promises';
import { ExplainedError } from '../error.ts';
import { run } from '../process/run.ts';
import { readSticks, type Stick } from './sticks.ts';

/** Folder for the mount points of sticks. */
export const MOUNT_POINTS = '/run/quantix/sticks';
/** Limits in milliseconds: mounting replays a journal, and unmounting waits until all data is written. */
const MOUNT_LIMIT = 30_000;
const UNMOUNT_LIMIT = 300_000;

/** A stick cannot be used; the message is for the operator. */
export class StickError extends ExplainedError {}

/**
 * Mounts a stick's file system, runs `work`, and unmounts it.
 * @param device such as `/dev/sdb1`, one of `readSticks`
 * @param work receives the mount point
 * @throws StickError, CommandError, and what `work` throws
 */
export async function withStick<T>(
  { device, access, signal }: { device: string; access: 'ro' | 'rw'; signal: AbortSignal },
  work: (folder: string) => Promise<T>,
): Promise<T> {
  const stick = (await readSticks()).find(({ path }) => path === device);
  if (stick === undefined) {
    throw new StickError({
      what: 'no FAT or ext4 file system that nobody uses, on a disk that can be taken out',
      where: device,
      fix: '`qx-support sticks` lists those that there are.',
    });
  }
  await mkdir(MOUNT_POINTS, { recursive: true, mode: 0o700 });
  const folder = await mkdtemp(`${MOUNT_POINTS}/`);
  try {
    await mount(stick, { access, folder, signal });
    try {
      return await work(folder);
    } finally {
      await run('umount', [folder], { timeout: UNMOUNT_LIMIT });
    }
  } finally {
    await rmdir(folder);
  }
}

async function mount(
  { path, type }: Stick,
  { access, folder, signal }: { access: 'ro' | 'rw'; folder: string; signal: AbortSignal },
): Promise<void> {
  const owner = type === 'vfat' ? ',umask=077' : '';
  const options = `${access},noatime,nosuid,nodev,noexec${owner}`;
  await run('mount', ['-t', type, '-o', options, path, folder], { timeout: MOUNT_LIMIT, signal });
}
