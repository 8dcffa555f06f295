import { promisify } from 'node:util';
import { deflate } from 'node:zlib';
import { sha256 } from '../step/digest.ts';
import { type DiskPiece, GRAIN_BYTES, readPieces, type SparseDisk } from './sparse-disk.ts';

const SECTOR = 512;
const GRAIN_SECTORS = GRAIN_BYTES / SECTOR;
/** Entries of a grain table, which covers 32 MiB. */
const TABLE_ENTRIES = 512;

/** Sectors before the first grain: header, descriptor, and padding to one grain. */
const OVERHEAD = GRAIN_SECTORS;
/** Position and size of the descriptor in sectors. */
const DESCRIPTOR = { offset: 1, sectors: 20 };

/** Value in the header that means: the position of the grain directory is in the footer. */
const AT_END = 2n ** 64n - 1n;

/** Types of markers between grains; see `marker`. */
const MARKERS = { end: 0, table: 1, directory: 2, footer: 3 } as const;

/** A fast zlib level: the contents of an appliance's disk are already compressed. */
const LEVEL = 1;

const compress = promisify<Buffer, { level: number }, Buffer>(deflate);

/** Options of `streamVmdk`. */
export interface VmdkOptions {
  /** Text that identifies the content; the disk's content id, which VMware compares, is derived from it. */
  identity: string;
  signal?: AbortSignal | undefined;
}

/**
 * Writes a disk as a stream-optimised VMDK, which VMware and VirtualBox can import ("Virtual Disk Format 1.1", VMware
 * technical note: hosted sparse extents, compressed grains and markers). The same disk and identity give the same
 * bytes.
 * @returns the file in pieces, front to back
 * @throws errors of reading the disk
 */
export async function* streamVmdk(
  disk: SparseDisk,
  { identity, signal }: VmdkOptions,
): AsyncGenerator<Buffer> {
  const capacity = disk.bytes / SECTOR;
  const written = new Sectors();
  yield* written.take(head(capacity, identity));
  const directory = new Uint32Array(Math.ceil(capacity / (TABLE_ENTRIES * GRAIN_SECTORS)));
  let table = new Uint32Array(TABLE_ENTRIES);
  let current = 0;
  const endTable = () => {
    if (table.every((entry) => entry === 0)) return [];
    const [mark, entries] = [marker('table', TABLE_ENTRIES * 4), little(table)];
    directory[current] = written.next + mark.length / SECTOR;
    table = new Uint32Array(TABLE_ENTRIES);
    return written.take(mark, entries);
  };
  for await (const { offset, data } of readPieces(disk, signal)) {
    for (const { sector, packed } of await packGrains({ offset, data })) {
      const number = sector / GRAIN_SECTORS;
      const of = Math.floor(number / TABLE_ENTRIES);
      if (of !== current) yield* endTable();
      current = of;
      table[number % TABLE_ENTRIES] = written.next;
      yield* written.take(packed);
    }
  }
  yield* endTable();
  yield* written.take(marker('directory', directory.byteLength));
  const at = written.next;
  yield* written.take(little(directory), marker('footer', SECTOR));
  yield* written.take(header(capacity, BigInt(at)), marker('end', 0));
}

/** Pads pieces to whole sectors, and counts sectors: `next` is the sector of the next piece. */
class Sectors {
  next = 0;

  *take(...pieces: Buffer[]): Generator<Buffer> {
    for (const piece of pieces) {
      const rest = (SECTOR - (piece.length % SECTOR)) % SECTOR;
      this.next += (piece.length + rest) / SECTOR;
      yield rest === 0 ? piece : Buffer.concat([piece, Buffer.alloc(rest)]);
    }
  }
}

/**
 * Compresses the grains of a piece. Each becomes a marker (first sector, number of bytes) followed by zlib data (RFC
 * 1950).
 */
async function packGrains({ offset, data }: DiskPiece) {
  const starts = Array.from({ length: data.length / GRAIN_BYTES }, (_, n) => n * GRAIN_BYTES);
  return await Promise.all(
    starts.map(async (at) => {
      const packed = await compress(data.subarray(at, at + GRAIN_BYTES), { level: LEVEL });
      const mark = Buffer.alloc(12);
      const sector = (offset + at) / SECTOR;
      mark.writeBigUInt64LE(BigInt(sector), 0);
      mark.writeUInt32LE(packed.length, 8);
      return { sector, packed: Buffer.concat([mark, packed]) };
    }),
  );
}

/** Returns the sector that describes the following sectors: their number, a grain size of 0, and their type. */
function marker(kind: keyof typeof MARKERS, bytes: number): Buffer {
  const sector = Buffer.alloc(SECTOR);
  sector.writeBigUInt64LE(BigInt(Math.ceil(bytes / SECTOR)), 0);
  sector.writeUInt32LE(MARKERS[kind], 12);
  return sector;
}

function head(capacity: number, identity: string): Buffer {
  const bytes = Buffer.alloc(OVERHEAD * SECTOR);
  header(capacity, AT_END).copy(bytes);
  bytes.write(descriptor(capacity, identity), DESCRIPTOR.offset * SECTOR, 'latin1');
  return bytes;
}

/** @param directory sector of the grain directory */
function header(capacity: number, directory: bigint): Buffer {
  const sector = Buffer.alloc(SECTOR);
  sector.write('KDMV', 0, 'latin1');
  // Version 3: grains are compressed.
  sector.writeUInt32LE(3, 4);
  // Bit 0: the line ends below are valid; 16: compressed grains; 17: markers.
  sector.writeUInt32LE(0x30001, 8);
  sector.writeBigUInt64LE(BigInt(capacity), 12);
  sector.writeBigUInt64LE(BigInt(GRAIN_SECTORS), 20);
  sector.writeBigUInt64LE(BigInt(DESCRIPTOR.offset), 28);
  sector.writeBigUInt64LE(BigInt(DESCRIPTOR.sectors), 36);
  sector.writeUInt32LE(TABLE_ENTRIES, 44);
  // The 0 at 48 means that there is no redundant grain directory.
  sector.writeBigUInt64LE(directory, 56);
  sector.writeBigUInt64LE(BigInt(OVERHEAD), 64);
  // The 0 at 72 means that the file was closed cleanly. These characters show whether a text-mode transfer has altered
  // the file.
  sector.write('\n \r\n', 73, 'latin1');
  // Deflate.
  sector.writeUInt16LE(1, 77);
  return sector;
}

/** Returns the descriptor. The extent's name is not a real file name, so the file can be renamed. */
function descriptor(capacity: number, identity: string): string {
  // The highest bit is cleared, because ffffffff means "no content id".
  const contentId = Number.parseInt(sha256(identity).slice(0, 8), 16) & 0x7fffffff;
  const cylinders = Math.min(Math.ceil(capacity / (255 * 63)), 65_535);
  return `# Disk DescriptorFile
version=1
CID=${contentId.toString(16).padStart(8, '0')}
parentCID=ffffffff
createType="streamOptimized"

# Extent description
RDONLY ${capacity} SPARSE "disk.vmdk"

# The Disk Data Base
#DDB

ddb.adapterType = "lsilogic"
ddb.geometry.cylinders = "${cylinders}"
ddb.geometry.heads = "255"
ddb.geometry.sectors = "63"
ddb.virtualHWVersion = "13"
`;
}

/** Encodes 32-bit numbers, little-endian. */
function little(numbers: Uint32Array): Buffer {
  const bytes = Buffer.alloc(numbers.length * 4);
  numbers.forEach((number, index) => {
    bytes.writeUInt32LE(number, index * 4);
  });
  return bytes;
}
