import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { type Mount, readMounts } from '../host/mounts.ts';
import { readText } from '../host/read.ts';
import { CommandError } from '../process/command-error.ts';
import { run } from '../process/run.ts';
import { StorageError } from './error.ts';

/** Milliseconds that mounting may take, and checking a file system before. */
const MOUNT_LIMIT = 30_000;
const CHECK_LIMIT = 600_000;

/** How often a busy file system is tried to be unmounted, and milliseconds in between. */
const BUSY_TRIES = 5;
const BUSY_PAUSE = 400;

/** What lies on a pool's folder as long as the pool is not mounted there: nothing can be written into its place. */
const COVER = 'quantix-unmounted';

/** What guests' disks never need, and nobody else. */
const SAFE = ['nosuid', 'nodev', 'noatime'];

/** What is to be mounted where. */
export interface Mounting {
  type: 'ext4' | 'xfs' | 'btrfs' | 'nfs';
  /** A device, or `server:/export`. */
  source: string;
  path: string;
  options: readonly string[];
}

/**
 * Mounts a pool, after its folder was made and covered.
 * @throws CommandError with the words of mount(8); StorageError if the file system has to be repaired first
 */
export async function mountPool(mounting: Mounting, signal?: AbortSignal): Promise<void> {
  const { type, source, path, options } = mounting;
  await cover(path, signal);
  if (type === 'ext4') await check(source);
  const given = [...options, ...SAFE].join(',');
  const [command, args] =
    type === 'nfs'
      ? (['mount.nfs', [source, path, '-o', given]] as const)
      : (['mount', ['-t', type, '-o', given, source, path]] as const);
  await run(command, args, { timeout: MOUNT_LIMIT, signal });
}

/** Covers the folder of a pool that is not mounted with a file system that is empty and cannot be written. */
export async function cover(path: string, signal?: AbortSignal): Promise<void> {
  if (topmost(await readMounts(), path) !== undefined) return;
  await run('mkdir', ['-p', '--', path], { timeout: MOUNT_LIMIT, signal });
  const options = 'ro,nosuid,nodev,noexec,size=4k,nr_inodes=2,mode=555';
  await run('mount', ['-t', 'tmpfs', '-o', options, COVER, path], {
    timeout: MOUNT_LIMIT,
    signal,
  });
}

/**
 * Unmounts what is on the folder of a pool, and then its cover.
 * @throws CommandError with the words of umount(8), such as that it is busy
 */
export async function unmountPool(path: string, signal?: AbortSignal): Promise<void> {
  for (let layer = topmost(await readMounts(), path); layer !== undefined; ) {
    await unmount(path, signal);
    if (layer.source === COVER) return;
    layer = topmost(await readMounts(), path);
  }
}

/** Unmounts what is topmost; a look at the pool of this program's own may be busy there for a moment. */
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

/** Folders of pools that are covered: those that were mounted by this program, or are to be. */
export async function coveredFolders(root = '/'): Promise<string[]> {
  return parseCovered(await readText(join(root, 'proc/self/mountinfo')));
}

/** Folders that have a cover, of /proc/self/mountinfo; whether something is mounted on it or not. */
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

/** Replays the journal and mends what can be mended without asking (e2fsck(8)), which nobody should break off. */
async function check(device: string): Promise<void> {
  try {
    await run('e2fsck', ['-p', device], { timeout: CHECK_LIMIT });
  } catch (error) {
    // 1: it was mended.
    if (error instanceof CommandError && error.exitCode === 1) return;
    if (!(error instanceof CommandError) || error.failure !== 'exit') throw error;
    throw new StorageError({
      what: `the file system on ${device} has errors that must be looked at`,
      fix: `Look at them with: e2fsck -f ${device}`,
      cause: error,
    });
  }
}
