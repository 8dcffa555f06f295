import { crc32 } from 'node:zlib';
import { type BlockDevice, readBytes } from './block-device.ts';
import type { DiskLayout } from './layout.ts';

/**
 * Protective MBR (UEFI 2.10, 5.2.3): offset of the partitions, offset of the signature, signature, and partition type.
 */
const [MBR_PARTITIONS, MBR_SIGNATURE_AT, MBR_SIGNATURE, PROTECTIVE] = [446, 510, 0xaa55, 0xee];
/** Number of bytes for boot code at the start of the MBR. */
export const BOOT_CODE_BYTES = 440;
/** GPT header (UEFI 2.10, 5.3.2). */
const [SIGNATURE, REVISION, HEADER_BYTES] = ['EFI PART', 0x0001_0000, 92];
/** Number and size of the entries that are written. */
const [ENTRIES, ENTRY_BYTES] = [128, 128];
/** Maximum number of entries, and largest entry size, that are accepted. */
const [MOST_ENTRIES, MOST_ENTRY_BYTES] = [1024, 4096];

/** A partition as recorded in its table. */
export interface GptPartition {
  /** Counted from 1. */
  number: number;
  name: string;
  /** GUIDs in lower case. */
  type: string;
  guid: string;
  /** Offset in bytes. */
  offset: number;
  bytes: number;
}

/** A partition table. */
export interface Gpt {
  /** GUID of the disk, in lower case. */
  guid: string;
  /** In the order of their numbers. */
  partitions: readonly GptPartition[];
  /** The copy that was read; GRUB reads the primary one only. */
  copy: 'primary' | 'backup';
  /** Whether the other copy is equal; false if the disk was enlarged, so that the backup is not at its end. */
  bothCopies: boolean;
}

/** Bytes to write at an offset. */
export interface Piece {
  /** Offset in bytes. */
  offset: number;
  bytes: Buffer;
}

/**
 * Position of the first copy's entries: `first` is directly after the header, as usual; `second` follows the space of
 * `first`. A header is one sector, so a table can be changed atomically: the new entries are written to the unused
 * position before the header refers to them.
 */
export type EntriesPlace = 'first' | 'second';

/**
 * Encodes a layout as both copies of the partition table, and the protective MBR without boot code. Header and entries
 * of the first copy are separate.
 */
export function encodeGpt(
  layout: DiskLayout,
  place: EntriesPlace = 'first',
): { mbr: Piece; entries: Piece; header: Piece; backup: Piece } {
  const { sectorSize, bytes } = layout;
  const sectors = bytes / sectorSize;
  const entries = encodeEntries(layout);
  const entrySectors = entries.length / sectorSize;
  const [last, backupEntries] = [sectors - 1, sectors - 1 - entrySectors];
  const usable: [number, number] = [2 + 2 * entrySectors, backupEntries - 1];
  const header = (own: number, other: number, at: number) =>
    encodeHeader({ own, other, at, usable, guid: layout.guid, entries, sectorSize });
  const at = entriesSector(place, sectorSize);
  return {
    mbr: { offset: 0, bytes: protectiveMbr(sectors, sectorSize) },
    entries: { offset: at * sectorSize, bytes: entries },
    header: { offset: sectorSize, bytes: header(1, last, at) },
    backup: {
      offset: backupEntries * sectorSize,
      bytes: Buffer.concat([entries, header(last, 1, backupEntries)]),
    },
  };
}

/** First sector of the first copy's entries. */
function entriesSector(place: EntriesPlace, sectorSize: number): number {
  return place === 'first' ? 2 : 2 + entriesBytes(sectorSize) / sectorSize;
}

/**
 * Returns the position of the first copy's entries; undefined if the copy is damaged.
 * @throws ExplainedError if the disk cannot be read
 */
export async function readEntriesPlace(device: BlockDevice): Promise<EntriesPlace | undefined> {
  const { sectorSize } = device;
  if ((await readCopy(device, 1)) === undefined) return undefined;
  const at = sectorIn(await device.read(sectorSize, sectorSize), 72);
  return at === entriesSector('second', sectorSize) ? 'second' : 'first';
}

/** Returns the number of bytes that the table takes at the beginning and at the end of a disk. */
export function computeGptSize(sectorSize: number): { begin: number; end: number } {
  const entries = entriesBytes(sectorSize);
  return { begin: 2 * sectorSize + 2 * entries, end: sectorSize + entries };
}

function entriesBytes(sectorSize: number): number {
  return Math.ceil((ENTRIES * ENTRY_BYTES) / sectorSize) * sectorSize;
}

function encodeEntries({ sectorSize, partitions }: DiskLayout): Buffer {
  const entries = Buffer.alloc(entriesBytes(sectorSize));
  for (const { number, type, guid, offset, bytes, name } of partitions) {
    const entry = entries.subarray((number - 1) * ENTRY_BYTES, number * ENTRY_BYTES);
    encodeGuid(type).copy(entry, 0);
    encodeGuid(guid).copy(entry, 16);
    entry.writeBigUInt64LE(BigInt(offset / sectorSize), 32);
    entry.writeBigUInt64LE(BigInt((offset + bytes) / sectorSize - 1), 40);
    entry.write(name, 56, 72, 'utf16le');
  }
  return entries;
}

function encodeHeader(fields: {
  own: number;
  other: number;
  at: number;
  usable: [number, number];
  guid: string;
  entries: Buffer;
  sectorSize: number;
}): Buffer {
  const { own, other, at, usable, guid, entries, sectorSize } = fields;
  const header = Buffer.alloc(sectorSize);
  header.write(SIGNATURE, 0, 'latin1');
  header.writeUInt32LE(REVISION, 8);
  header.writeUInt32LE(HEADER_BYTES, 12);
  header.writeBigUInt64LE(BigInt(own), 24);
  header.writeBigUInt64LE(BigInt(other), 32);
  header.writeBigUInt64LE(BigInt(usable[0]), 40);
  header.writeBigUInt64LE(BigInt(usable[1]), 48);
  encodeGuid(guid).copy(header, 56);
  header.writeBigUInt64LE(BigInt(at), 72);
  header.writeUInt32LE(ENTRIES, 80);
  header.writeUInt32LE(ENTRY_BYTES, 84);
  header.writeUInt32LE(crc32(entries.subarray(0, ENTRIES * ENTRY_BYTES)), 88);
  header.writeUInt32LE(crc32(header.subarray(0, HEADER_BYTES)), 16);
  return header;
}

function protectiveMbr(sectors: number, sectorSize: number): Buffer {
  const mbr = Buffer.alloc(sectorSize);
  const entry = mbr.subarray(MBR_PARTITIONS, MBR_PARTITIONS + 16);
  entry.set([0x00, 0x00, 0x02, 0x00, PROTECTIVE, 0xff, 0xff, 0xff]);
  entry.writeUInt32LE(1, 8);
  entry.writeUInt32LE(Math.min(sectors - 1, 0xffff_ffff), 12);
  mbr.writeUInt16LE(MBR_SIGNATURE, MBR_SIGNATURE_AT);
  return mbr;
}

/**
 * Reads the partition table of a disk: the first copy or, if it is damaged, the backup (UEFI 2.10, 5.3).
 * @returns undefined if there is no valid table
 * @throws ExplainedError if the disk cannot be read
 */
export async function readGpt(device: BlockDevice): Promise<Gpt | undefined> {
  const { sectorSize, bytes } = device;
  const sectors = Math.floor(bytes / sectorSize);
  if (sectors < 3) return undefined;
  if (!isProtective(await device.read(0, sectorSize))) return undefined;
  const primary = await readCopy(device, 1);
  const backup = await readCopy(device, sectors - 1);
  const found = primary ?? backup;
  if (found === undefined) return undefined;
  const same = primary !== undefined && backup !== undefined && sameTable(primary, backup);
  return { ...found, copy: primary === undefined ? 'backup' : 'primary', bothCopies: same };
}

/** Whether an MBR announces a GPT. */
export function isProtective(mbr: Buffer): boolean {
  if (mbr.readUInt16LE(MBR_SIGNATURE_AT) !== MBR_SIGNATURE) return false;
  return [0, 1, 2, 3].some((index) => mbr[MBR_PARTITIONS + index * 16 + 4] === PROTECTIVE);
}

type Table = Pick<Gpt, 'guid' | 'partitions'>;

function sameTable(a: Table, b: Table): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

/** Reads the copy whose header is in a sector; undefined if it is damaged. */
async function readCopy(device: BlockDevice, at: number): Promise<Table | undefined> {
  const { sectorSize } = device;
  const sectors = Math.floor(device.bytes / sectorSize);
  const header = Buffer.from(await device.read(at * sectorSize, sectorSize));
  const size = header.readUInt32LE(12);
  if (header.toString('latin1', 0, 8) !== SIGNATURE || size < HEADER_BYTES || size > sectorSize) {
    return undefined;
  }
  const sum = header.readUInt32LE(16);
  header.writeUInt32LE(0, 16);
  if (crc32(header.subarray(0, size)) !== sum || sectorIn(header, 24) !== at) return undefined;
  const [first, last, table] = [sectorIn(header, 40), sectorIn(header, 48), sectorIn(header, 72)];
  const [count, entryBytes] = [header.readUInt32LE(80), header.readUInt32LE(84)];
  const shape = count <= MOST_ENTRIES && entryBytes >= ENTRY_BYTES && entryBytes % 8 === 0;
  if (!shape || entryBytes > MOST_ENTRY_BYTES || last >= sectors || table < 2) return undefined;
  if (table * sectorSize + count * entryBytes > device.bytes) return undefined;
  const entries = await readBytes(device, table * sectorSize, count * entryBytes);
  if (crc32(entries) !== header.readUInt32LE(88)) return undefined;
  const partitions: GptPartition[] = [];
  for (let index = 0; index < count; index += 1) {
    if (isUnused(entries, index * entryBytes)) continue;
    const entry = entries.subarray(index * entryBytes, (index + 1) * entryBytes);
    const [from, to] = [sectorIn(entry, 32), sectorIn(entry, 40)];
    if (from < first || to > last || to < from) return undefined;
    partitions.push({
      number: index + 1,
      name: entry.toString('utf16le', 56, 128).replace(/\0.*$/s, ''),
      type: decodeGuid(entry.subarray(0, 16)),
      guid: decodeGuid(entry.subarray(16, 32)),
      offset: from * sectorSize,
      bytes: (to - from + 1) * sectorSize,
    });
  }
  const inOrder = partitions.toSorted((a, b) => a.offset - b.offset);
  const overlap = inOrder.some(
    ({ offset }, index) => index > 0 && offset < endOf(inOrder[index - 1]),
  );
  return overlap ? undefined : { guid: decodeGuid(header.subarray(56, 72)), partitions };
}

/** Whether the entry at an offset has no type. This is so for most entries of a table. */
function isUnused(entries: Buffer, at: number): boolean {
  return [0, 4, 8, 12].every((more) => entries.readUInt32LE(at + more) === 0);
}

function endOf(partition: GptPartition | undefined): number {
  return partition === undefined ? 0 : partition.offset + partition.bytes;
}

/**
 * Reads a sector number. If it is too large to be exact in JavaScript, it is rounded, but still larger than any disk.
 */
function sectorIn(bytes: Buffer, at: number): number {
  return Number(bytes.readBigUInt64LE(at));
}

/** Encodes a GUID in 16 bytes, of which the first three fields are little-endian (UEFI 2.10, appendix A). */
export function encodeGuid(guid: string): Buffer {
  return swapped(Buffer.from(guid.replaceAll('-', ''), 'hex'));
}

/** Decodes a GUID to text in lower case. */
export function decodeGuid(bytes: Buffer): string {
  const hex = swapped(Buffer.from(bytes)).toString('hex');
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

function swapped(bytes: Buffer): Buffer {
  bytes.subarray(0, 4).reverse();
  bytes.subarray(4, 6).reverse();
  bytes.subarray(6, 8).reverse();
  return bytes;
}
