import { createReadStream, createWriteStream } from 'node:fs';
import { chmod, copyFile, open, readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { ISO_BLOCK, reportIso } from '../../build/image/iso-report.ts';
import { run } from '../../build/process/run.ts';
import { temporaryFolder } from '../unit/folder.ts';

/* Ways in which people put an image on a disk. */

const SECTOR = 512;
const MIB = 1024 * 1024;

/** Types of partitions in a master boot record: FAT32, an EFI system partition, and Linux. */
const [FAT32, ESP, LINUX] = [0x0c, 0xef, 0x83];

interface Partition {
  type: number;
  /** Bytes; the start is a multiple of a MiB. */
  start: number;
  size: number;
}

/** Makes a sparse disk with these empty partitions. */
async function partitionedDisk(file: string, partitions: readonly Partition[]): Promise<void> {
  const record = Buffer.alloc(SECTOR);
  for (const [index, { type, start, size }] of partitions.entries()) {
    const at = 446 + 16 * index;
    // Cylinder, head and sector: these numbers stand for a place that is too far on the disk for such numbers.
    record.write('feffff', at + 1, 'hex');
    record.write('feffff', at + 5, 'hex');
    record.writeUInt8(type, at + 4);
    record.writeUInt32LE(start / SECTOR, at + 8);
    record.writeUInt32LE(size / SECTOR, at + 12);
  }
  record.writeUInt16LE(0xaa55, 510);
  await using disk = await open(file, 'wx');
  await disk.write(record, 0, SECTOR, 0);
  await disk.truncate(Math.max(...partitions.map(({ start, size }) => start + size)));
}

async function makeFat(file: string, { type, start, size }: Partition): Promise<string> {
  const image = `${file}@@${start}`;
  const kind = type === FAT32 ? ['-F'] : [];
  const geometry = ['-T', String(size / SECTOR), '-h', '16', '-s', '32'];
  await run('mformat', [...kind, '-i', image, ...geometry, '::']);
  return image;
}

/** Extracts the files of an ISO, or of one of its folders, into a folder. */
export async function extract(iso: string, folder: string, from = '/'): Promise<void> {
  await run('xorriso', ['-osirrox', 'on', '-indev', iso, '-extract', from, folder]);
  // Folders are read-only on the medium; these must be removable.
  const paths = await readdir(folder, { recursive: true, withFileTypes: true });
  for (const one of paths) {
    if (one.isDirectory()) await chmod(join(one.parentPath, one.name), 0o755);
  }
  await chmod(folder, 0o755);
}

async function roundedSize(iso: string): Promise<number> {
  return Math.ceil((await stat(iso)).size / MIB) * MIB;
}

/** A stick with one partition with FAT32, onto which the files of an ISO were copied. */
export async function copiedOntoStick(iso: string): Promise<string> {
  const folder = await temporaryFolder();
  const stick = join(folder, 'stick.img');
  const partition = { type: FAT32, start: MIB, size: (await roundedSize(iso)) + 64 * MIB };
  await partitionedDisk(stick, [partition]);
  const image = await makeFat(stick, partition);
  const files = join(folder, 'files');
  await extract(iso, files);
  const names = (await readdir(files)).map((name) => join(files, name));
  await run('mcopy', ['-s', '-i', image, ...names, '::/']);
  await rm(files, { recursive: true });
  return stick;
}

/** A disk with an unchanged ISO in its second partition; the first partition has only the boot loader for UEFI. */
export async function writtenIntoPartition(iso: string): Promise<string> {
  const folder = await temporaryFolder();
  const disk = join(folder, 'disk.img');
  const esp = { type: ESP, start: MIB, size: 32 * MIB };
  const medium = { type: LINUX, start: 33 * MIB, size: await roundedSize(iso) };
  await partitionedDisk(disk, [esp, medium]);
  const image = await makeFat(disk, esp);
  const files = join(folder, 'EFI');
  await extract(iso, files, '/EFI');
  await run('mcopy', ['-s', '-i', image, files, '::/']);
  const target = createWriteStream(disk, { flags: 'r+', start: medium.start });
  await pipeline(createReadStream(iso), target);
  return disk;
}

/** A disk, as qcow2, that is larger than the ISO that was written to it. */
export async function writtenToLargerDisk(iso: string): Promise<string> {
  const disk = join(await temporaryFolder(), 'disk.qcow2');
  await run('qemu-img', ['create', '-q', '-f', 'qcow2', '-F', 'raw', '-b', iso, disk, '64G']);
  return disk;
}

/** A copy of an ISO, including its marker file, with one changed bit in the first block of the system. */
export async function withFlippedBit(iso: string): Promise<string> {
  const disk = join(await temporaryFolder(), 'flipped.iso');
  await copyFile(iso, disk);
  const { files } = await reportIso(iso);
  const system = files.find(({ path }) => path === '/quantix/system.squashfs');
  if (system === undefined) throw new Error(`${iso} has no system`);
  const at = system.block * ISO_BLOCK + 100;
  await using handle = await open(disk, 'r+');
  const { buffer } = await handle.read(Buffer.alloc(1), 0, 1, at);
  await handle.write(Buffer.from([buffer.readUInt8(0) ^ 1]), 0, 1, at);
  return disk;
}
