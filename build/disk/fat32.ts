import { ExplainedError } from '../explained-error.ts';
import { type BlockDevice, readBytes } from './block-device.ts';
import type { Piece } from './gpt.ts';

/**
 * Minimum number of clusters: a FAT file system with fewer is not FAT32, whatever its header says (Microsoft FAT
 * specification, 3.5).
 */
const LEAST_CLUSTERS = 65_525;
/** Maximum number of clusters that can be numbered. */
const MOST_CLUSTERS = 0x0fff_fff5;
const CLUSTER_BYTES = 4096;
const [RESERVED_SECTORS, COPIES, INFO_SECTOR, BACKUP_SECTOR] = [32, 2, 1, 6];
const [ENTRY, MEDIUM, END_OF_CHAIN, CHAIN_MASK] = [32, 0xf8, 0x0fff_ffff, 0x0fff_ffff];
const FIRST_END = 0x0fff_fff8;
const [DIRECTORY, VOLUME_LABEL, ARCHIVE] = [0x10, 0x08, 0x20];
/** Code of the boot sector: calls interrupt 18h, with which a BIOS continues with the next device, then halts. */
const [BOOT_CODE_AT, BOOT_CODE] = [90, Buffer.from('cd18f4ebfd', 'hex')];
/** Maximum number of bytes of a directory that are searched. */
const MOST_DIRECTORY_BYTES = 2 * 1024 * 1024;

/** Input of `formatFat32`. */
export interface Fat32Request {
  /** Size of the partition in bytes. */
  bytes: number;
  /** Logical sector size of the disk in bytes. */
  sectorSize: number;
  /** Offset of the partition on its disk in bytes. */
  offset: number;
  /** Volume label, at most 11 characters. */
  label: string;
  /** Volume serial number. */
  serial: number;
  /**
   * Path in the file system → content. Names are 8.3 names; the letters of each part are all upper case or all lower
   * case.
   */
  files: ReadonlyMap<string, Uint8Array>;
  /** Time stamp of the files, in seconds since 1970. */
  epoch: number;
}

/**
 * Formats a FAT32 file system (Microsoft FAT specification, 2000). The same request gives the same pieces.
 * @returns everything that must be written; the first piece is the boot sector, which makes the partition a file
 *   system; other bytes of the partition may have any value
 * @throws ExplainedError if the partition is too small for FAT32 or for the files, or a name is not an 8.3 name
 */
export function formatFat32(request: Fat32Request): Piece[] {
  const { sectorSize, files } = request;
  const geometry = geometryOf(request);
  const { clusterBytes, clusters, tableSectors, dataSector } = geometry;
  const table = new Map<number, number>();
  const data: Piece[] = [];
  let next = 2;
  const store = (content: Uint8Array): number => {
    if (content.length === 0) return 0;
    const [first, count] = [next, Math.ceil(content.length / clusterBytes)];
    next += count;
    if (next > clusters + 2) {
      throw new ExplainedError({ what: 'the files do not fit into the EFI partition' });
    }
    for (let index = first; index < next; index += 1) {
      table.set(index, index === next - 1 ? END_OF_CHAIN : index + 1);
    }
    const bytes = Buffer.alloc(count * clusterBytes);
    bytes.set(content);
    data.push({ offset: dataSector * sectorSize + (first - 2) * clusterBytes, bytes });
    return first;
  };
  const root = treeOf(files);
  const stamp = timeStamp(request.epoch);
  // A directory's cluster is reserved before its content is placed, because entries below it refer to it.
  const place = (folder: Folder, parent: number, label: string | undefined): number => {
    const length = (folder.size + (label === undefined ? 2 : 1)) * ENTRY;
    const own = store(Buffer.alloc(length));
    const piece = data.at(-1);
    const entries: Buffer[] =
      label === undefined
        ? [
            encodeEntry({ name: '.'.padEnd(11), flags: DIRECTORY, first: own, stamp }),
            encodeEntry({ name: '..'.padEnd(11), flags: DIRECTORY, first: parent, stamp }),
          ]
        : [encodeEntry({ name: label.padEnd(11), flags: VOLUME_LABEL, first: 0, stamp })];
    for (const [name, child] of folder) {
      const { short, cases } = shortName(name);
      const [flags, size] = child instanceof Map ? [DIRECTORY, 0] : [ARCHIVE, child.length];
      // Entries in directories below the root refer to the root as 0.
      const above = label === undefined ? own : 0;
      const first = child instanceof Map ? place(child, above, undefined) : store(child);
      entries.push(encodeEntry({ name: short, flags, first, stamp, size, cases }));
    }
    if (piece !== undefined) Buffer.concat(entries).copy(piece.bytes);
    return own;
  };
  place(root, 0, request.label);
  const boot = bootSector(request, geometry);
  const info = informationSector({ free: clusters - (next - 2), next, sectorSize });
  const fat = Buffer.alloc(tableSectors * sectorSize);
  fat.writeUInt32LE(0x0fff_ff00 + MEDIUM, 0);
  fat.writeUInt32LE(END_OF_CHAIN, 4);
  for (const [index, value] of table) fat.writeUInt32LE(value, index * 4);
  const at = (sector: number, bytes: Buffer): Piece => ({ offset: sector * sectorSize, bytes });
  const third = thirdSector(sectorSize);
  return [
    at(0, boot),
    at(INFO_SECTOR, Buffer.concat([info, third])),
    at(BACKUP_SECTOR, Buffer.concat([boot, info, third])),
    at(RESERVED_SECTORS, Buffer.concat([fat, fat])),
    ...data,
  ];
}

interface Geometry {
  sectors: number;
  clusterBytes: number;
  clusters: number;
  tableSectors: number;
  /** First sector of the first cluster. */
  dataSector: number;
}

function geometryOf({ bytes, sectorSize }: Fat32Request): Geometry {
  const clusterBytes = Math.max(CLUSTER_BYTES, sectorSize);
  const sectors = Math.floor(bytes / sectorSize);
  const perCluster = clusterBytes / sectorSize;
  // This is an upper limit, because the table takes some of this space.
  const most = Math.floor((sectors - RESERVED_SECTORS) / perCluster);
  const tableSectors = Math.ceil(((most + 2) * 4) / sectorSize);
  const dataSector = RESERVED_SECTORS + COPIES * tableSectors;
  const clusters = Math.floor((sectors - dataSector) / perCluster);
  if (clusters < LEAST_CLUSTERS || sectors > 0xffff_ffff) {
    throw new ExplainedError({
      what: `an EFI partition of ${bytes} bytes cannot be FAT32`,
      fix: 'Give it 300 MiB.',
    });
  }
  return { sectors, clusterBytes, clusters, tableSectors, dataSector };
}

function bootSector(request: Fat32Request, geometry: Geometry): Buffer {
  const { sectorSize } = request;
  const sector = Buffer.alloc(sectorSize);
  sector.set([0xeb, BOOT_CODE_AT - 2, 0x90]);
  sector.write('MSWIN4.1', 3, 'latin1');
  sector.writeUInt16LE(sectorSize, 11);
  sector[13] = geometry.clusterBytes / sectorSize;
  sector.writeUInt16LE(RESERVED_SECTORS, 14);
  sector[16] = COPIES;
  sector[21] = MEDIUM;
  sector.writeUInt16LE(63, 24); // Sectors per track and heads, which are obsolete.
  sector.writeUInt16LE(255, 26);
  sector.writeUInt32LE(Math.min(request.offset / sectorSize, 0xffff_ffff), 28);
  sector.writeUInt32LE(geometry.sectors, 32);
  sector.writeUInt32LE(geometry.tableSectors, 36);
  sector.writeUInt32LE(2, 44); // First cluster of the root directory.
  sector.writeUInt16LE(INFO_SECTOR, 48);
  sector.writeUInt16LE(BACKUP_SECTOR, 50);
  sector[64] = 0x80;
  sector[66] = 0x29;
  sector.writeUInt32LE(request.serial >>> 0, 67);
  sector.write(request.label.padEnd(11).slice(0, 11), 71, 'latin1');
  sector.write('FAT32   ', 82, 'latin1');
  BOOT_CODE.copy(sector, BOOT_CODE_AT);
  sector.writeUInt16LE(0xaa55, 510);
  return sector;
}

function informationSector(free: { free: number; next: number; sectorSize: number }): Buffer {
  const sector = Buffer.alloc(free.sectorSize);
  sector.write('RRaA', 0, 'latin1');
  sector.write('rrAa', 484, 'latin1');
  sector.writeUInt32LE(free.free, 488);
  sector.writeUInt32LE(free.next, 492);
  sector.writeUInt16LE(0xaa55, 510);
  return sector;
}

function thirdSector(sectorSize: number): Buffer {
  const sector = Buffer.alloc(sectorSize);
  sector.writeUInt16LE(0xaa55, 510);
  return sector;
}

type Folder = Map<string, Folder | Uint8Array>;

function treeOf(files: ReadonlyMap<string, Uint8Array>): Folder {
  const root: Folder = new Map();
  for (const [path, content] of files) {
    const names = path.split('/').filter((name) => name !== '');
    const last = names.pop();
    let folder = root;
    for (const name of names) {
      const below = folder.get(name) ?? new Map();
      if (!(below instanceof Map)) throw new ExplainedError({ what: `${path} is below a file` });
      folder.set(name, below);
      folder = below;
    }
    if (last === undefined || folder.has(last)) {
      throw new ExplainedError({ what: `${path} is there twice` });
    }
    folder.set(last, content);
  }
  return root;
}

/** Returns a name as stored in a directory, and flags for parts in lower case (as in Windows NT and Linux). */
function shortName(name: string): { short: string; cases: number } {
  const match = /^([A-Z0-9_-]{1,8}|[a-z0-9_-]{1,8})(?:\.([A-Z0-9]{1,3}|[a-z0-9]{1,3}))?$/.exec(
    name,
  );
  if (match === null) {
    throw new ExplainedError({
      what: `${JSON.stringify(name)} is not an 8.3 name in one case`,
    });
  }
  const [, base = '', extension = ''] = match;
  const lower = (part: string) => part !== part.toUpperCase();
  return {
    short: base.toUpperCase().padEnd(8) + extension.toUpperCase().padEnd(3),
    cases: (lower(base) ? 0x08 : 0) | (lower(extension) ? 0x10 : 0),
  };
}

function encodeEntry(fields: {
  name: string;
  flags: number;
  first: number;
  stamp: { date: number; time: number };
  size?: number;
  cases?: number;
}): Buffer {
  const { name, flags, first, stamp, size = 0, cases = 0 } = fields;
  const entry = Buffer.alloc(ENTRY);
  entry.write(name, 0, 11, 'latin1');
  entry[11] = flags;
  entry[12] = cases;
  entry.writeUInt16LE(stamp.time, 14);
  entry.writeUInt16LE(stamp.date, 16);
  entry.writeUInt16LE(stamp.date, 18);
  entry.writeUInt16LE(first >>> 16, 20);
  entry.writeUInt16LE(stamp.time, 22);
  entry.writeUInt16LE(stamp.date, 24);
  entry.writeUInt16LE(first & 0xffff, 26);
  entry.writeUInt32LE(size, 28);
  return entry;
}

/** FAT cannot express times before 1980. */
function timeStamp(epoch: number): { date: number; time: number } {
  const moment = new Date(Math.max(epoch, Date.UTC(1980) / 1000) * 1000);
  const date = ((moment.getUTCFullYear() - 1980) << 9) | ((moment.getUTCMonth() + 1) << 5);
  const time = (moment.getUTCHours() << 11) | (moment.getUTCMinutes() << 5);
  return { date: date | moment.getUTCDate(), time: time | (moment.getUTCSeconds() >> 1) };
}

/** Location of a file on its device. */
export interface LocatedFile {
  bytes: number;
  /** Its extents in order, in bytes; together at least as long as the file. */
  extents: readonly { offset: number; length: number }[];
}

/**
 * Finds a file in a FAT32 file system by its short name, in either case.
 * @param path names separated by `/`
 * @returns undefined if there is none
 * @throws ExplainedError if it is not a FAT32 file system, is damaged on the path to the file, or cannot be read
 */
export async function locateFile(
  device: BlockDevice,
  path: string,
): Promise<LocatedFile | undefined> {
  const volume = await Volume.open(device);
  const names = path.split('/').filter((name) => name !== '');
  let first = volume.root;
  for (const [index, name] of names.entries()) {
    const entry = findEntry(await volume.directory(first), name);
    const isLast = index === names.length - 1;
    if (entry === undefined || entry.isDirectory === isLast) return undefined;
    if (isLast) return { bytes: entry.bytes, extents: await volume.extents(entry) };
    first = entry.first;
  }
  return undefined;
}

interface Entry {
  first: number;
  bytes: number;
  isDirectory: boolean;
}

function findEntry(directory: Buffer, name: string): Entry | undefined {
  const { short } = shortName(/[a-z]/.test(name) ? name.toUpperCase() : name);
  for (let at = 0; at + ENTRY <= directory.length; at += ENTRY) {
    const entry = directory.subarray(at, at + ENTRY);
    const flags = entry[11] ?? 0;
    if (entry[0] === 0) return undefined;
    if ((flags & VOLUME_LABEL) !== 0 || entry.toString('latin1', 0, 11) !== short) continue;
    return {
      first: (entry.readUInt16LE(20) << 16) | entry.readUInt16LE(26),
      bytes: entry.readUInt32LE(28),
      isDirectory: (flags & DIRECTORY) !== 0,
    };
  }
  return undefined;
}

class Volume {
  readonly root: number;
  readonly #device: BlockDevice;
  readonly #clusterBytes: number;
  readonly #clusters: number;
  /** Offsets of the first table and of the first cluster in bytes. */
  readonly #table: number;
  readonly #data: number;

  static async open(device: BlockDevice): Promise<Volume> {
    if (device.bytes < device.sectorSize) throw damaged('it is too small');
    return new Volume(device, await readBytes(device, 0, 512));
  }

  private constructor(device: BlockDevice, boot: Buffer) {
    this.#device = device;
    const sectorSize = boot.readUInt16LE(11);
    const perCluster = boot[13] ?? 0;
    const [reserved, copies] = [boot.readUInt16LE(14), boot[16] ?? 0];
    const [sectors, tableSectors] = [boot.readUInt32LE(32), boot.readUInt32LE(36)];
    const isPower = (value: number) => value > 0 && (value & (value - 1)) === 0;
    const shape = isPower(sectorSize) && sectorSize >= 512 && sectorSize <= 4096;
    const old = [17, 19, 22].some((at) => boot.readUInt16LE(at) !== 0);
    if (!shape || !isPower(perCluster) || reserved === 0 || copies === 0 || old) {
      throw damaged('its boot sector is not a FAT32 one');
    }
    if (boot.readUInt16LE(510) !== 0xaa55) throw damaged('its boot sector is not marked as one');
    if (sectorSize % device.sectorSize !== 0)
      throw damaged('its sectors are smaller than the disk’s');
    this.#clusterBytes = sectorSize * perCluster;
    this.#table = reserved * sectorSize;
    this.#data = this.#table + copies * tableSectors * sectorSize;
    this.#clusters = Math.floor((sectors * sectorSize - this.#data) / this.#clusterBytes);
    if (sectors * sectorSize > device.bytes) throw damaged('it is larger than its partition');
    if (this.#clusters < LEAST_CLUSTERS || this.#clusters > MOST_CLUSTERS) {
      throw damaged('it has not as many clusters as FAT32 has');
    }
    if (tableSectors * sectorSize < (this.#clusters + 2) * 4)
      throw damaged('its table is too short');
    this.root = boot.readUInt32LE(44) & CHAIN_MASK;
  }

  /** Reads the content of a directory. */
  async directory(first: number): Promise<Buffer> {
    const parts: Buffer[] = [];
    let read = 0;
    for await (const offset of this.#chain(first)) {
      parts.push(await readBytes(this.#device, offset, this.#clusterBytes));
      read += this.#clusterBytes;
      if (read > MOST_DIRECTORY_BYTES) throw damaged('a directory has no end');
    }
    return Buffer.concat(parts);
  }

  /** Returns the extents of a file; adjacent ones are merged. */
  async extents({ first, bytes }: Entry): Promise<LocatedFile['extents']> {
    const extents: { offset: number; length: number }[] = [];
    let left = Math.ceil(bytes / this.#clusterBytes);
    if (left === 0) return extents;
    for await (const offset of this.#chain(first)) {
      const last = extents.at(-1);
      if (last !== undefined && last.offset + last.length === offset) {
        last.length += this.#clusterBytes;
      } else extents.push({ offset, length: this.#clusterBytes });
      left -= 1;
      if (left === 0) return extents;
    }
    throw damaged('a file has fewer clusters than bytes');
  }

  /** Yields the offset of each cluster of a chain in bytes. */
  async *#chain(first: number): AsyncGenerator<number> {
    let cluster = first;
    for (let count = 0; cluster < FIRST_END; count += 1) {
      if (cluster < 2 || cluster >= this.#clusters + 2) throw damaged('a chain leaves it');
      if (count > this.#clusters) throw damaged('a chain has no end');
      yield this.#data + (cluster - 2) * this.#clusterBytes;
      const value = await readBytes(this.#device, this.#table + cluster * 4, 4);
      cluster = value.readUInt32LE(0) & CHAIN_MASK;
    }
  }
}

function damaged(why: string): ExplainedError {
  return new ExplainedError({
    what: `the EFI partition cannot be read: ${why}`,
    fix: 'Install again; configuration and data can be kept.',
  });
}
