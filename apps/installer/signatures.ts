import type { BlockDevice, Region } from '../../build/disk/block-device.ts';
import type { Finding } from './facts.ts';

const KIB = 1024;
const MIB = 1024 * KIB;
const GIB = 1024 * MIB;

/** Returns the offsets in a region at which a signature may be; offsets outside of the region are ignored. */
type Places = (region: { bytes: number; sectorSize: number }) => readonly number[];

/** A signature that identifies the content of a disk or partition, and its offsets. */
interface Signature {
  name: string;
  marks: readonly Buffer[];
  places: Places;
}

const at =
  (...offsets: readonly number[]): Places =>
  () =>
    offsets;

/**
 * Offsets of the uberblocks in ZFS's four labels: two of 256 KiB each at the beginning and at the end of a region,
 * whose length is rounded down to a multiple of 256 KiB.
 */
const ZFS: Places = ({ bytes }) => {
  const end = Math.floor(bytes / (256 * KIB)) * 256 * KIB;
  const labels = [0, 256 * KIB, end - 512 * KIB, end - 256 * KIB];
  return labels.flatMap((label) =>
    Array.from({ length: 128 }, (_, index) => label + 128 * KIB + index * KIB),
  );
};

function text(value: string): Buffer {
  return Buffer.from(value, 'latin1');
}

function hex(value: string): Buffer {
  return Buffer.from(value, 'hex');
}

/**
 * Returns the offsets that are this number of sectors before the end, for sectors of 512 bytes and for sectors of the
 * disk.
 */
const beforeEnd =
  (sectors: number): Places =>
  ({ bytes, sectorSize }) => [bytes - sectors * 512, bytes - sectors * sectorSize];

/**
 * Signatures by which systems identify their own disks. Offsets are those of the formats: md(4), LVM's label, ZFS
 * on-disk format, LUKS2 1.1.1, btrfs' superblock mirrors, VMware's layout of VMFS, Intel's and SNIA's (DDF 2.0) RAID
 * metadata, UEFI 2.10 (5.3).
 */
export const SIGNATURES: readonly Signature[] = [
  {
    name: 'GPT',
    marks: [text('EFI PART')],
    places: ({ bytes, sectorSize }) => [512, 4096, bytes - sectorSize, bytes - 512],
  },
  { name: 'LVM', marks: [text('LABELONE')], places: at(0, 512, 1024, 1536) },
  {
    name: 'md RAID',
    marks: [hex('fc4e2ba9'), hex('a92b4efc')],
    places: ({ bytes }) => [
      0,
      4 * KIB,
      Math.floor((bytes - 8 * KIB) / (4 * KIB)) * 4 * KIB,
      Math.floor(bytes / (64 * KIB)) * 64 * KIB - 64 * KIB,
    ],
  },
  { name: 'ZFS', marks: [hex('0cb1ba0000000000'), hex('0000000000bab10c')], places: ZFS },
  {
    name: 'LUKS',
    marks: [hex('4c554b53babe'), hex('534b554cbabe')],
    places: at(0, ...[16, 32, 64, 128, 256, 512, 1024, 2048, 4096].map((size) => size * KIB)),
  },
  {
    name: 'btrfs',
    marks: [text('_BHRfS_M')],
    places: at(64 * KIB + 64, 64 * MIB + 64, 256 * GIB + 64),
  },
  {
    name: 'VMFS',
    marks: [hex('0dd001c0'), hex('5ef1ab2f')],
    places: at(MIB, 2 * MIB, 18 * MIB),
  },
  { name: 'Intel RAID', marks: [text('Intel Raid ISM Cfg Sig. ')], places: beforeEnd(2) },
  { name: 'DDF RAID', marks: [hex('de11de11'), hex('11de11de')], places: beforeEnd(1) },
  { name: 'ext', marks: [hex('53ef')], places: at(KIB + 56) },
  { name: 'XFS', marks: [text('XFSB')], places: at(0) },
  { name: 'NTFS', marks: [text('NTFS    ')], places: at(3) },
  { name: 'exFAT', marks: [text('EXFAT   ')], places: at(3) },
  { name: 'FAT', marks: [text('FAT32   ')], places: at(82) },
  { name: 'FAT', marks: [text('FAT12   '), text('FAT16   ')], places: at(54) },
  { name: 'ISO 9660', marks: [text('CD001')], places: at(32 * KIB + 1) },
  {
    name: 'swap',
    marks: [text('SWAPSPACE2'), text('SWAP-SPACE')],
    places: at(4096 - 10, 65_536 - 10),
  },
  { name: 'F2FS', marks: [hex('1020f5f2')], places: at(KIB) },
  { name: 'APFS', marks: [text('NXSB')], places: at(32) },
  { name: 'HFS+', marks: [text('H+\0\x04'), text('HX\0\x05')], places: at(KIB) },
  {
    name: 'bcache',
    marks: [hex('c68573f64e1a45ca8265f57f48ba6d81')],
    places: at(4 * KIB + 24),
  },
  { name: 'Ceph', marks: [text('bluestore block device')], places: at(0) },
  { name: 'Stratis', marks: [text('!Stra0tis\x86\xff\x02^\x41rh')], places: at(516, 4612) },
];

/** Offsets in a master boot record of its partition table and its end mark. */
const MBR = { entries: 446, end: 510 };

/** Bytes per read. */
const BLOCK = 64 * KIB;

/**
 * Reads parts of a disk in large blocks, each once, several at a time.
 * @returns a function that returns the bytes of a part, which must be one of the requested ones
 */
async function readPlaces(
  device: BlockDevice,
  places: readonly { offset: number; length: number }[],
): Promise<(offset: number, length: number) => Buffer> {
  const numbers = new Set<number>();
  for (const { offset, length } of places) {
    const last = Math.floor((offset + length - 1) / BLOCK);
    for (let number = Math.floor(offset / BLOCK); number <= last; number += 1) numbers.add(number);
  }
  const blocks = new Map<number, Buffer>();
  const read = async (number: number) => {
    const start = number * BLOCK;
    blocks.set(number, await device.read(start, Math.min(BLOCK, device.bytes - start)));
  };
  await Promise.all([...numbers].sort((one, other) => one - other).map(read));
  const block = (number: number) => blocks.get(number) ?? Buffer.alloc(0);
  return (offset, length) => {
    const number = Math.floor(offset / BLOCK);
    const start = offset - number * BLOCK;
    if (start + length <= BLOCK) return block(number).subarray(start, start + length);
    return Buffer.concat([block(number), block(number + 1)]).subarray(start, start + length);
  };
}

/** Returns every place in a region at which a signature may be: its offset on the disk, and the signature's bytes. */
function placesIn({ offset, bytes }: Region, sectorSize: number) {
  return SIGNATURES.flatMap(({ name, marks, places }) => {
    const longest = Math.max(...marks.map(({ length }) => length));
    const inside = new Set(places({ bytes, sectorSize }));
    return [...inside]
      .filter((place) => place >= 0 && place + longest <= bytes)
      .map((place) => ({ name, marks, offset: offset + place, length: longest }));
  });
}

/**
 * Searches for signatures of systems on a disk and in regions of it: partitions that it has, had or will have.
 * @param regions besides the whole disk
 * @returns signatures by offset, without duplicates
 * @throws ExplainedError if the disk cannot be read
 */
export async function findSignatures(
  device: BlockDevice,
  regions: readonly Region[],
): Promise<Finding[]> {
  const all = [{ offset: 0, bytes: device.bytes }, ...regions].filter(({ offset, bytes }) =>
    isInside(device, { offset, bytes }),
  );
  const places = all.flatMap((region) => placesIn(region, device.sectorSize));
  const bytesAt = await readPlaces(device, [{ offset: 0, length: 512 }, ...places]);
  const found = new Map<string, Finding>();
  for (const { name, marks, offset, length } of places) {
    const bytes = bytesAt(offset, length);
    if (marks.some((mark) => mark.compare(bytes, 0, mark.length) === 0)) {
      found.set(`${name} ${offset}`, { name, offset });
    }
  }
  const record = bytesAt(0, 512);
  const isProtective = [...found.values()].some(({ name }) => name === 'GPT');
  if (hasPartitions(record) && !isProtective) found.set('MBR 0', { name: 'MBR', offset: 0 });
  return [...found.values()].sort((one, other) => one.offset - other.offset);
}

/**
 * Whether a boot record has a partition table with an entry; the first sector of a FAT has the same end mark but no
 * table.
 */
function hasPartitions(record: Buffer): boolean {
  if (record.readUInt16LE(MBR.end) !== 0xaa55) return false;
  const entries = [0, 1, 2, 3].map((index) =>
    record.subarray(MBR.entries + index * 16).subarray(0, 16),
  );
  const isEntry = (entry: Buffer) => (entry[0] ?? 0) % 0x80 === 0;
  return (
    entries.every(isEntry) && entries.some((entry) => entry[4] !== 0 && entry.readUInt32LE(12) > 0)
  );
}

function isInside(device: BlockDevice, { offset, bytes }: Region): boolean {
  return offset >= 0 && bytes >= 512 && offset + bytes <= device.bytes;
}

/** Bytes at both ends of a disk that are overwritten. */
const DISK_ENDS = 16 * MIB;

/** Bytes at both ends of each partition that are overwritten. */
const PARTITION_ENDS = MIB;

/** Size of the overwritten block around a signature, in bytes. */
const AROUND = 4 * KIB;

/**
 * Returns the regions to overwrite so that no system recognises the former content: both ends of the disk and of each
 * region, and the places of signatures elsewhere.
 * @returns sorted whole blocks of 4 KiB, without overlaps
 */
export function wipeRegions(
  { bytes, sectorSize }: { bytes: number; sectorSize: number },
  regions: readonly Region[],
): Region[] {
  const wanted: Region[] = [];
  const add = (start: number, end: number) => {
    const [first, last] = [Math.max(start, 0), Math.min(end, bytes)];
    if (first < last) wanted.push({ offset: first, bytes: last - first });
  };
  const whole = { offset: 0, bytes };
  for (const region of [whole, ...regions]) {
    const ends = region === whole ? DISK_ENDS : PARTITION_ENDS;
    const { offset } = region;
    const end = offset + region.bytes;
    add(offset, Math.min(offset + ends, end));
    add(Math.max(end - ends, offset), end);
    for (const place of placesIn(region, sectorSize)) {
      add(place.offset, place.offset + place.length);
    }
  }
  return merged(wanted, bytes);
}

function merged(regions: readonly Region[], size: number): Region[] {
  const result: { offset: number; end: number }[] = [];
  const aligned = regions
    .map(({ offset, bytes }) => ({
      offset: Math.floor(offset / AROUND) * AROUND,
      end: Math.min(Math.ceil((offset + bytes) / AROUND) * AROUND, size),
    }))
    .sort((one, other) => one.offset - other.offset);
  for (const { offset, end } of aligned) {
    const last = result.at(-1);
    if (last !== undefined && offset <= last.end) last.end = Math.max(last.end, end);
    else result.push({ offset, end });
  }
  return result.map(({ offset, end }) => ({ offset, bytes: end - offset }));
}
