import { join } from 'node:path';
import { readMounts } from '../host/mounts.ts';
import { readNames, readText } from '../host/read.ts';
import { run } from '../process/run.ts';
import { type BlockDevice, readBlockDevices } from './block-devices.ts';
import { StorageError } from './error.ts';
import { parseFileSystem } from './superblock.ts';

/** Milliseconds that reading or writing the ends of a disk may take. */
const TIME_LIMIT = 30_000;

/** Bytes at the beginning and at the end of a disk that contain all signatures of its contents. */
const ENDS = 1024 * 1024;

/** LVM's label is in one of the first four sectors (lib/label of LVM). */
const LABEL = { text: 'LABELONE', sectors: [0, 512, 1024, 1536] };

/**
 * Describes the contents of a disk; returns `null` if it is empty.
 * @param ends its first and its last MiB
 */
export function describeContents(ends: Buffer, partitions: readonly string[]): string | null {
  if (partitions.length > 0) return `partitions (${partitions.join(', ')})`;
  if (isLvm(ends)) return 'an LVM physical volume';
  const system = parseFileSystem(ends);
  if (system !== null) return `a file system (${system.type})`;
  return ends.every((byte) => byte === 0) ? null : 'data of another kind';
}

/** Returns whether the beginning of a disk has an LVM label. */
export function isLvm(start: Buffer): boolean {
  const { text, sectors } = LABEL;
  return sectors.some((at) => start.subarray(at, at + text.length).equals(Buffer.from(text)));
}

/** Reads the first and the last MiB of a device. @throws CommandError if it cannot be read in time */
export async function readEnds(device: string, signal?: AbortSignal): Promise<Buffer> {
  const script = `{ head -c ${ENDS} "$1" && tail -c ${ENDS} "$1"; } | base64`;
  const text = await run('sh', ['-c', script, 'sh', device], { timeout: TIME_LIMIT, signal });
  return Buffer.from(text, 'base64');
}

/** A whole disk that may be overwritten. */
export interface ClaimedDisk {
  /** Whether it has contents, which must be wiped first. */
  hasContents: boolean;
  disk: BlockDevice;
}

/**
 * Checks that a disk may be overwritten.
 * @param destroy the operator's confirmation that the contents may be lost: the disk's serial number, or its path if it
 *   has none
 * @throws StorageError if it is not a whole disk, is in use, or has contents without that confirmation
 */
export async function claimDisk(
  path: string,
  { destroy, devices = readBlockDevices, signal }: ClaimOptions,
): Promise<ClaimedDisk> {
  const disk = (await devices()).find((one) => one.path === path);
  const folder = join('/sys/class/block', path.slice('/dev/'.length).replaceAll('/', '!'));
  if (disk === undefined || (await readText(join(folder, 'partition'))) !== '') {
    throw new StorageError({
      what: `${path} is not a disk that can become a pool`,
      fix: 'See the disks with: qx-node status',
    });
  }
  const partitions = (await readNames(folder)).filter((name) =>
    name.startsWith(folder.split('/').at(-1) ?? ''),
  );
  await refuseUsed(path, folder, partitions);
  const contents = describeContents(await readEnds(path, signal), partitions);
  if (contents === null) return { hasContents: false, disk };
  const proof = disk.serial ?? path;
  if (destroy !== proof) {
    const what =
      disk.serial === null ? 'It has no serial number, so its path' : 'Its serial number';
    throw new StorageError({
      what: `${path} holds ${contents}, which would be lost`,
      fix: `${what} confirms that this disk is meant: --destroy ${JSON.stringify(proof)}`,
    });
  }
  return { hasContents: true, disk };
}

export interface ClaimOptions {
  destroy?: string | undefined;
  /** Lists the existing devices. */
  devices?: (() => Promise<readonly BlockDevice[]>) | undefined;
  signal?: AbortSignal | undefined;
}

/**
 * Checks that a disk is not in use. @throws StorageError if it or a partition is mounted, part of another device, or
 * open in a program
 */
async function refuseUsed(
  path: string,
  folder: string,
  partitions: readonly string[],
): Promise<void> {
  const inUse = (by: string) => new StorageError({ what: `${path} is in use: ${by}` });
  const mounts = await readMounts();
  const places = [folder, ...partitions.map((name) => join(folder, name))];
  const names = [path, ...partitions.map((name) => `/dev/${name}`)];
  for (const place of places) {
    const number = (await readText(join(place, 'dev'))).trim();
    const mount = mounts.find(({ device, source }) => device === number || names.includes(source));
    if (mount !== undefined) throw inUse(`mounted at ${mount.path}`);
    const [holder] = await readNames(join(place, 'holders'));
    if (holder !== undefined) throw inUse(`a part of ${holder}`);
  }
  for (const loop of await readNames('/sys/block')) {
    // The system's own medium need not be mounted: the system may read it through a loop device.
    const backing = (await readText(`/sys/block/${loop}/loop/backing_file`)).trim();
    if (names.includes(backing)) throw inUse(`/dev/${loop} reads ${backing}`);
  }
  const swaps = await readText('/proc/swaps');
  if (names.some((name) => swaps.includes(`${name} `))) throw inUse('swap');
  const script = 'for link in /proc/[0-9]*/fd/*; do readlink "$link"; done 2>/dev/null | sort -u';
  const open = (await run('sh', ['-c', script], { timeout: TIME_LIMIT })).split('\n');
  const opened = names.find((name) => open.includes(name));
  if (opened !== undefined) throw inUse(`a program has ${opened} open, such as a virtual machine`);
}

/** Wipes the signatures of a disk's contents and its partition table. */
export async function wipe(path: string, signal?: AbortSignal): Promise<void> {
  // Sizes are counted in sectors of 512 bytes, so that the last write ends exactly at the end of the disk.
  const script = `size=$(blockdev --getsize64 "$1") && last=$(((size - ${ENDS}) / 512)) &&
dd if=/dev/zero of="$1" bs=512 count=${ENDS / 512} conv=notrunc,fsync &&
dd if=/dev/zero of="$1" bs=512 seek="$last" count=$((size / 512 - last)) conv=notrunc,fsync || exit
blockdev --rereadpt "$1" || :`;
  await run('sh', ['-c', script, 'sh', path], { timeout: TIME_LIMIT, signal });
}
