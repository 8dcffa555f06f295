import { join } from 'node:path';
import type { BlockDevice } from '../../build/disk/block-device.ts';
import { readGpt } from '../../build/disk/gpt.ts';
import { ExplainedError } from '../error.ts';
import { readUnmountedConfiguration } from '../host/configuration-disk.ts';
import { readDisks } from '../host/disks.ts';
import { type Mount, readMounts } from '../host/mounts.ts';
import { readAttribute, readNames, readNumber, readTarget, readText } from '../host/read.ts';
import type { DiskFacts, ImageFacts, MachineFacts, OldPartition, Transport } from './facts.ts';
import { MEDIUM } from './medium.ts';
import { findSignatures } from './signatures.ts';

const MIB = 1024 * 1024;

/** Bytes of a sector in /sys, independent of the disk's own sector size. */
const SECTOR = 512;

/** Opens a disk for reading, without claiming it. */
export type OpenToRead = (path: string) => Promise<BlockDevice & AsyncDisposable>;

export interface FactsOptions {
  image: ImageFacts;
  openToRead: OpenToRead;
  /** Folder that contains proc and sys. */
  root?: string;
  /** Node's name of the architecture. */
  architecture?: NodeJS.Architecture;
}

/** Reads the present state of this machine and its disks. A disk that cannot be read counts as in use. */
export async function readMachine({
  image,
  openToRead,
  root = '/',
  architecture = process.arch,
}: FactsOptions): Promise<MachineFacts> {
  const mounts = await readMounts(root);
  const disks: DiskFacts[] = [];
  for (const { path, model, serial, size, readOnly } of await readDisks(root)) {
    const folder = join(root, 'sys/block', kernelName(path));
    const above = await devicesAbove(root, folder);
    const sectorSize = (await readNumber(join(folder, 'queue/logical_block_size'))) ?? SECTOR;
    const { problem, ...found } = await tryLook(path, { folder, openToRead });
    const places = await usesOf(root, [folder, ...above.folders], mounts);
    disks.push({
      path,
      model,
      serial,
      wwn: await wwnOf(folder),
      bytes: size,
      sectorSize,
      transport: await transportOf(folder, kernelName(path)),
      readOnly,
      isMedium: places.some((place) => place === `mounted at ${MEDIUM}`),
      uses: [...places.filter((place) => place !== `mounted at ${MEDIUM}`), ...problem],
      holders: above.made,
      ...found,
    });
  }
  const hasEfi = (await readNames(join(root, 'sys/firmware/efi'))).length > 0;
  const unmounted = await readUnmountedConfiguration(root);
  return {
    ...{ firmware: hasEfi ? 'uefi' : 'bios', hasBios: architecture === 'x64', image, disks },
    unmountedConfiguration: unmounted ?? null,
  };
}

function kernelName(path: string): string {
  return path.slice('/dev/'.length).replaceAll('/', '!');
}

type Looked = Pick<DiskFacts, 'partitions' | 'guid' | 'contents'>;

/** Reads the content of a disk; a broken disk is reported as a problem, so that the others remain usable. */
async function tryLook(
  path: string,
  how: { folder: string; openToRead: OpenToRead },
): Promise<Looked & { problem: string[] }> {
  try {
    return { ...(await look(path, how)), problem: [] };
  } catch (error) {
    if (!(error instanceof ExplainedError)) throw error;
    const problem = [`it cannot be read: ${error.what}`];
    return { partitions: await kernelPartitions(how.folder), guid: null, contents: [], problem };
  }
}

/** Reads the content of a disk. */
async function look(
  path: string,
  { folder, openToRead }: { folder: string; openToRead: OpenToRead },
): Promise<Looked> {
  await using device = await openToRead(path);
  const table = await readGpt(device);
  const partitions = table?.partitions ?? (await kernelPartitions(folder));
  const marks = await findSignatures(device, partitions);
  const unknown =
    marks.length === 0 && partitions.length === 0 ? await findData(device) : undefined;
  return {
    partitions,
    guid: table?.guid ?? null,
    contents: unknown === undefined ? marks : [{ name: 'unknown data', offset: unknown }],
  };
}

/**
 * Parts of a disk without signatures that are searched for data: bytes at its beginning and end, and the number and
 * size of samples in between.
 */
const [LOOK_BEGIN, LOOK_END, LOOK_PLACES, LOOK_BYTES] = [4 * MIB, MIB, 32, 64 * 1024];

/**
 * Finds unknown data on a disk, such as a database on the raw disk or encryption without a header. @returns its offset;
 * undefined if the disk seems empty: all bytes that were read are the same
 */
async function findData(device: BlockDevice): Promise<number | undefined> {
  const { bytes } = device;
  const step = Math.floor(bytes / LOOK_PLACES / LOOK_BYTES) * LOOK_BYTES;
  const between = Array.from({ length: LOOK_PLACES }, (_, index) => index * step);
  const regions = [
    ...Array.from({ length: LOOK_BEGIN / LOOK_BYTES }, (_, index) => index * LOOK_BYTES),
    ...between,
    ...Array.from(
      { length: LOOK_END / LOOK_BYTES },
      (_, index) => bytes - LOOK_END + index * LOOK_BYTES,
    ),
  ];
  for (const offset of regions) {
    if (offset < 0 || offset + LOOK_BYTES > bytes) continue;
    const piece = await device.read(offset, LOOK_BYTES);
    if (!piece.equals(Buffer.alloc(LOOK_BYTES, piece[0]))) return offset;
  }
  return undefined;
}

/** Reads the kernel's list of partitions, whatever the kind of partition table. */
async function kernelPartitions(folder: string): Promise<OldPartition[]> {
  const partitions: OldPartition[] = [];
  for (const name of await readNames(folder)) {
    const number = await readNumber(join(folder, name, 'partition'));
    const start = await readNumber(join(folder, name, 'start'));
    const sectors = await readNumber(join(folder, name, 'size'));
    if (number === null || start === null || sectors === null) continue;
    const place = { offset: start * SECTOR, bytes: sectors * SECTOR };
    partitions.push({ number, name: '', guid: '', type: '', ...place });
  }
  return partitions;
}

/**
 * Finds the partitions of a disk and all devices on top of them.
 * @returns `folders`: their folders in sys; `made`: names of those that can be taken apart, in the order in which they
 *   have to be
 */
async function devicesAbove(
  root: string,
  disk: string,
): Promise<{ folders: string[]; made: string[] }> {
  const folders: string[] = [];
  const made: string[] = [];
  const climb = async (folder: string) => {
    for (const name of await readNames(join(folder, 'holders'))) {
      const holder = join(root, 'sys/block', name);
      if (made.includes(name)) continue;
      await climbAll(holder);
      folders.push(holder);
      if (!made.includes(name)) made.push(name);
    }
  };
  const climbAll = async (folder: string) => {
    await climb(folder);
    for (const name of await readNames(folder)) {
      const partition = join(folder, name);
      if ((await readNumber(join(partition, 'partition'))) === null) continue;
      folders.push(partition);
      await climb(partition);
    }
  };
  await climbAll(disk);
  return { folders, made };
}

/** Returns the uses of devices that the installer cannot end. */
async function usesOf(
  root: string,
  folders: readonly string[],
  mounts: readonly Mount[],
): Promise<string[]> {
  const uses: string[] = [];
  const swaps = await readText(join(root, 'proc/swaps'));
  const loops = await loopDevices(root);
  for (const folder of folders) {
    const number = await readAttribute(join(folder, 'dev'));
    const path = `/dev/${folder.split('/').at(-1)?.replaceAll('!', '/')}`;
    const numbers = [
      number,
      ...loops.filter(({ file }) => file === path).map((loop) => loop.number),
    ];
    for (const mount of mounts) {
      const own = numbers.includes(mount.device) || mount.source === path;
      const use = `mounted at ${mount.path}`;
      if (own && !uses.includes(use)) uses.push(use);
    }
    if (swaps.split('\n').some((line) => line.startsWith(`${path} `))) uses.push(`swap on ${path}`);
  }
  return uses;
}

/** Lists loop devices, each with its file or device. */
async function loopDevices(
  root: string,
): Promise<{ number: string | null; file: string | null }[]> {
  const names = (await readNames(join(root, 'sys/block'))).filter((name) => /^loop\d+$/.test(name));
  const loops = names.map(async (name) => {
    const folder = join(root, 'sys/block', name);
    const file = await readAttribute(join(folder, 'loop/backing_file'));
    return { number: await readAttribute(join(folder, 'dev')), file };
  });
  return (await Promise.all(loops)).filter(({ file }) => file !== null);
}

async function wwnOf(folder: string): Promise<string | null> {
  const wwn =
    (await readAttribute(join(folder, 'device/wwid'))) ??
    (await readAttribute(join(folder, 'wwid')));
  return wwn?.replaceAll(/[^\x20-\x7e]+/g, '?').replaceAll(/ +/g, ' ') ?? null;
}

async function transportOf(folder: string, name: string): Promise<Transport> {
  if (name.startsWith('nvme')) return 'nvme';
  if (name.startsWith('mmcblk')) return 'mmc';
  const place = (await readTarget(folder)) ?? '';
  if (/\/usb\d+\//.test(place)) return 'usb';
  if (/\/ata\d+\//.test(place)) return 'sata';
  if (/\/virtio\d+\//.test(place)) return 'virtio';
  return /\/(expander|end_device)-/.test(place) ? 'sas' : 'other';
}
