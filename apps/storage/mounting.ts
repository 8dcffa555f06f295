import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { type Mount, readMounts } from '../host/mounts.ts';
import { readText } from '../host/read.ts';
import { CommandError } from '../process/command-error.ts';
import { run } from '../process/run.ts';
import { StorageError } from './error.ts';

/** Milliseconds that mounting a file system may take, and that the check before it may take. */
const MOUNT_LIMIT = 30_000;
const CHECK_LIMIT = 600_000;

/** Attempts to unmount a busy file system, and milliseconds between them. */
const BUSY_TRIES = 5;
const BUSY_PAUSE = 400;

/**
 * Source of the file system that covers a pool's folder while the pool is not mounted, so that nothing can be written
 * there.
 */
const COVER = 'quantix-unmounted';

/** Options for every pool: guests' disks need no set-user-ID programs, devices or access times. */
const SAFE = ['nosuid', 'nodev', 'noatime'];

/** A mount to make. */
export interface Mounting {
  type: 'ext4' | 'xfs' | 'btrfs' | 'nfs';
  /** A device, or `server:/export`. */
  source: string;
  path: string;
  options: readonly string[];
}

/**
 * Mounts a pool, after creating and covering its folder.
 * @throws CommandError with the message of mount(8); StorageError if the file system has to be repaired first
 */
export async function mountPool(mounting: Mounting, signal?: AbortSignal): Promise<void> {
  const { type, source, path, options } = mounting;
  await coverFolder(path, signal);
  if (type === 'ext4') await check(source);
  const given = [...options, ...SAFE].join(',');
  const [command, args] =
    type === 'nfs'
      ? (['mount.nfs', [source, path, '-o', given]] as const)
      : (['mount', ['-t', type, '-o', given, source, path]] as const);
  await run(command, args, { timeout: MOUNT_LIMIT, signal });
}

/** Mounts an empty read-only file system on the folder of a pool that is not mounted. */
export async function coverFolder(path: string, signal?: AbortSignal): Promise<void> {
  if (topmost(await readMounts(), path) !== undefined) return;
  await run('mkdir', ['-p', '--', path], { timeout: MOUNT_LIMIT, signal });
  const options = 'ro,nosuid,nodev,noexec,size=4k,nr_inodes=2,mode=555';
  await run('mount', ['-t', 'tmpfs', '-o', options, COVER, path], {
    timeout: MOUNT_LIMIT,
    signal,
  });
}

/**
 * Unmounts the file systems on the folder of a pool, and then its cover.
 * @throws CommandError with the message of umount(8), for example that the file system is busy
 */
export async function unmountPool(path: string, signal?: AbortSignal): Promise<void> {
  for (let layer = topmost(await readMounts(), path); layer !== undefined; ) {
    await unmount(path, signal);
    if (layer.source === COVER) return;
    layer = topmost(await readMounts(), path);
  }
}

/** Unmounts the topmost file system; it may be busy for a moment because this program reads the pool. */
async function unmount(path: string, signal: AbortSignal | undefined): Promise<void> {
  for (let tries = BUSY_TRIES; ; tries -= 1) {
    try {
      await run('umount', [path], { timeout: MOUNT_LIMIT, signal });
      return;
    } catch (error) {
      const isBusy = error instanceof CommandError && /busy/i.test(error.stderr);
      if (!isBusy || tries <= 1) throw error;
    }
    await wait(BUSY_PAUSE, undefined, { signal });
  }
}

/** Reads the covered folders: those of pools that this program has mounted, or is to mount. */
export async function readCoveredFolders(root = '/'): Promise<string[]> {
  return parseCovered(await readText(join(root, 'proc/self/mountinfo')));
}

/** Parses the folders that have a cover from /proc/self/mountinfo, whether or not something is mounted on the cover. */
export function parseCovered(text: string): string[] {
  return text.split('\n').flatMap((line) => {
    const [, path = ''] = /^\S+ \S+ \S+ \S+ (\S+) .* - tmpfs quantix-unmounted /.exec(line) ?? [];
    return path === '' ? [] : [path.replaceAll(/\\([0-3][0-7]{2})/g, unescaped)];
  });
}

function unescaped(_: string, octal: string): string {
  return String.fromCharCode(Number.parseInt(octal, 8));
}

function topmost(mounts: readonly Mount[], path: string): Mount | undefined {
  return mounts.find((mount) => mount.path === path);
}

/** Replays the journal and repairs what can be repaired without asking (e2fsck(8)); cannot be cancelled. */
async function check(device: string): Promise<void> {
  try {
    await run('e2fsck', ['-p', device], { timeout: CHECK_LIMIT });
  } catch (error) {
    // Exit status 1: errors were corrected.
    if (error instanceof CommandError && error.exitCode === 1) return;
    if (!(error instanceof CommandError) || error.failure !== 'exit') throw error;
    throw new StorageError({
      what: `the file system on ${device} has errors that must be looked at`,
      fix: `Look at them with: e2fsck -f ${device}`,
      cause: error,
    });
  }
}
