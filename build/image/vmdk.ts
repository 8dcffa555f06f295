import { promisify } from 'node:util';
import { deflate } from 'node:zlib';
import { sha256 } from '../step/digest.ts';
import { type DiskPiece, GRAIN_BYTES, readPieces, type SparseDisk } from './sparse-disk.ts';

const SECTOR = 512;
const GRAIN_SECTORS = GRAIN_BYTES / SECTOR;
/** Entries of a grain table: all that is said of 32 MiB. */
const TABLE_ENTRIES = 512;

/** Sectors before the first grain: header, descriptor, and what is left of one grain. */
const OVERHEAD = GRAIN_SECTORS;
/** Where the descriptor is, and the room that it has, sectors. */
const DESCRIPTOR = { offset: 1, sectors: 20 };

/** Says in the header that the directory's place stands in the footer. */
const AT_END = 2n ** 64n - 1n;

/** What stands between grains: see `marker`. */
const MARKERS = { end: 0, table: 1, directory: 2, footer: 3 } as const;

/** A quick level: what an appliance's disk holds is compressed already. */
const LEVEL = 1;

const compress = promisify<Buffer, { level: number }, Buffer>(deflate);

/** What a VMDK says of its disk. */
export interface VmdkOptions {
  /** By what the content is known, and no other one: the disk's content id, which VMware compares, is made of it. */
  identity: string;
  signal?: AbortSignal | undefined;
}

/**
 * A disk as a stream-optimised VMDK, the form that VMware and VirtualBox import ("Virtual Disk Format 1.1", VMware
 * technical note: hosted sparse extents, compressed grains and markers). The same disk and identity give the same bytes.
 * @returns the file in pieces, front to back
 * @throws what reading the disk throws
 */
export async function* vmdkStream(
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

/** Says in which sector the next piece begins, and fills pieces up to whole sectors. */
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

/** The grains of a piece, each behind its own marker: first sector, bytes, what zlib (RFC 1950) made of it. */
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

/** What says of the sectors behind it what they are: how many, no bytes of a grain, and the kind. */
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
  // Bit 0: the line ends below are to be tested; 16: compressed grains; 17: markers.
  sector.writeUInt32LE(0x30001, 8);
  sector.writeBigUInt64LE(BigInt(capacity), 12);
  sector.writeBigUInt64LE(BigInt(GRAIN_SECTORS), 20);
  sector.writeBigUInt64LE(BigInt(DESCRIPTOR.offset), 28);
  sector.writeBigUInt64LE(BigInt(DESCRIPTOR.sectors), 36);
  sector.writeUInt32LE(TABLE_ENTRIES, 44);
  // No second directory: 0 at 48.
  sector.writeBigUInt64LE(directory, 56);
  sector.writeBigUInt64LE(BigInt(OVERHEAD), 64);
  // Closed cleanly: 0 at 72. A transfer as text would change these.
  sector.write('\n \r\n', 73, 'latin1');
  // Deflate.
  sector.writeUInt16LE(1, 77);
  return sector;
}

/** Text that says what the file is. The name of the extent is no file's: renaming changes nothing. */
function descriptor(capacity: number, identity: string): string {
  // The highest bit is clear: ffffffff means that there is none.
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

/** Numbers of 32 bits, little-endian. */
function little(numbers: Uint32Array): Buffer {
  const bytes = Buffer.alloc(numbers.length * 4);
  numbers.forEach((number, index) => {
    bytes.writeUInt32LE(number, index * 4);
  });
  return bytes;
}
