import { dirname } from 'node:path';
import { Cursor } from './cursor.ts';
import { unreadable } from './verdict.ts';

/** Size of a directory entry in bytes. */
const ENTRY = 32;
/** Attributes of a directory entry (Microsoft FAT specification, 6); read-only, hidden and archive are ignored. */
const [LABEL, DIRECTORY, LONG_NAME] = [0x08, 0x10, 0x0f];
/** First bytes of a name with a special meaning: end of the directory, and a free entry. */
const [END, FREE] = [0x00, 0xe5];
/** Maximum number of clusters of FAT12 and of FAT16; the number of clusters alone determines the type. */
const [MOST_FAT12, MOST_FAT16] = [4084, 65_524];
const [END12, END16] = [0xff8, 0xfff8];
/** Maximum number of files and directories that are read; a damaged file system might have a cycle. */
const MOST_ENTRIES = 10_000;

/** Content of a FAT file system. */
export interface FatContent {
  /** Volume label without trailing blanks. */
  label: string;
  /** Path → content. */
  files: Map<string, Buffer>;
  directories: string[];
}

/**
 * Reads a whole FAT12 or FAT16 file system (Microsoft FAT specification, 2000; including long file names).
 * @param where the image, for messages
 * @throws BuildError if it is neither FAT12 nor FAT16, or anything in it violates the format
 */
export function readFat(image: Buffer, where: string): FatContent {
  const volume = new Volume(image, where);
  const content: FatContent = { label: '', files: new Map(), directories: [] };
  volume.walk('', volume.root, content);
  return content;
}

/**
 * Compares a FAT file system with its expected content.
 * @returns the differences, one clause each
 * @throws BuildError if it cannot be read
 */
export function compareFat(
  image: Buffer,
  expected: { label: string; files: ReadonlyMap<string, Buffer> },
  where: string,
): string[] {
  const { label, files, directories } = readFat(image, where);
  const problems = label === expected.label ? [] : [`its label is ${JSON.stringify(label)}`];
  for (const [path, content] of expected.files) {
    const found = files.get(path);
    if (found === undefined) problems.push(`${path} is missing`);
    else if (!found.equals(content)) problems.push(`${path} has other content`);
  }
  const folders = new Set<string>();
  for (const path of expected.files.keys()) {
    for (let up = dirname(path); up !== '/'; up = dirname(up)) folders.add(up);
  }
  const extra = [
    ...[...files.keys()].filter((path) => !expected.files.has(path)),
    ...directories.filter((path) => !folders.has(path)),
  ];
  return [...problems, ...extra.map((path) => `${path} is unexpected`)];
}

class Volume {
  readonly root: Buffer;
  readonly #where: string;
  readonly #clusterSize: number;
  readonly #clusters: number;
  readonly #next: readonly number[];
  readonly #data: Buffer;
  readonly #end: number;
  readonly #used = new Set<number>();

  constructor(image: Buffer, where: string) {
    this.#where = where;
    const cursor = new Cursor(image, 11, where);
    const sectorSize = cursor.u16();
    const sectorsPerCluster = cursor.u8();
    const reserved = cursor.u16();
    const copies = cursor.u8();
    const rootEntries = cursor.u16();
    const few = cursor.u16();
    cursor.u8(); // Media type.
    const tableSectors = cursor.u16();
    cursor.take(8); // Geometry, and number of sectors before the file system.
    const sectors = few === 0 ? cursor.u32() : few;
    const powers = [sectorSize / 512, sectorsPerCluster];
    const signature = new Cursor(image, 510, where).u16();
    const valid = powers.every((value) => [1, 2, 4, 8, 16, 32, 64, 128].includes(value));
    if (!valid || copies === 0 || tableSectors === 0 || signature !== 0xaa55) {
      throw unreadable('it is not a FAT file system', where);
    }
    if (sectors * sectorSize !== image.length) {
      throw unreadable('the file system is not as large as its image', where);
    }
    const tables = new Cursor(image, reserved * sectorSize, where);
    const [table, ...others] = Array.from({ length: copies }, () =>
      tables.take(tableSectors * sectorSize),
    );
    if (table === undefined || others.some((other) => !other.equals(table))) {
      throw unreadable('its tables differ from each other', where);
    }
    this.root = tables.take(Math.ceil((rootEntries * ENTRY) / sectorSize) * sectorSize);
    this.#clusterSize = sectorsPerCluster * sectorSize;
    this.#data = image.subarray(tables.at);
    this.#clusters = Math.floor(this.#data.length / this.#clusterSize);
    if (this.#clusters > MOST_FAT16) throw unreadable('it is FAT32', where);
    const wide = this.#clusters > MOST_FAT12;
    this.#end = wide ? END16 : END12;
    if (table.length * (wide ? 4 : 8) < (this.#clusters + 2) * (wide ? 8 : 12)) {
      throw unreadable('its table is too short', where);
    }
    this.#next = Array.from({ length: this.#clusters + 2 }, (_, index) =>
      wide ? table.readUInt16LE(index * 2) : read12BitEntry(table, index),
    );
  }

  /** Reads a directory and everything below it into `content`. */
  walk(path: string, directory: Buffer, content: FatContent): void {
    let longName: string[] = [];
    for (let at = 0; at + ENTRY <= directory.length; at += ENTRY) {
      const entry = directory.subarray(at, at + ENTRY);
      const attributes = entry[11] ?? 0;
      if (entry[0] === END) return;
      if (entry[0] === FREE) continue;
      if ((attributes & 0x3f) === LONG_NAME) {
        longName.unshift(longPart(entry));
        continue;
      }
      const name = longName.length > 0 ? longName.join('').replace(/\0.*$/s, '') : shortName(entry);
      longName = [];
      if (name === '.' || name === '..') continue;
      this.#one(`${path}/${name}`, entry, content);
    }
  }

  #one(path: string, entry: Buffer, content: FatContent): void {
    const attributes = entry[11] ?? 0;
    if ((attributes & LABEL) !== 0) {
      content.label = entry.toString('latin1', 0, 11).trimEnd();
      return;
    }
    if (content.files.size + content.directories.length > MOST_ENTRIES) {
      throw unreadable('it has too many files', this.#where);
    }
    if (content.files.has(path) || content.directories.includes(path)) {
      throw unreadable(`${path} is in it twice`, this.#where);
    }
    const first = entry.readUInt16LE(26);
    const size = entry.readUInt32LE(28);
    if ((attributes & DIRECTORY) !== 0) {
      content.directories.push(path);
      this.walk(path, this.#chain(first, path), content);
      return;
    }
    const bytes = size === 0 ? Buffer.alloc(0) : this.#chain(first, path);
    const clusters = Math.ceil(size / this.#clusterSize);
    if (bytes.length !== clusters * this.#clusterSize) {
      throw unreadable(`${path} does not have as many clusters as its size needs`, this.#where);
    }
    content.files.set(path, bytes.subarray(0, size));
  }

  /** Returns the content of a chain of clusters. */
  #chain(first: number, path: string): Buffer {
    const parts: Buffer[] = [];
    for (let cluster = first; cluster < this.#end; cluster = this.#next[cluster] ?? 0) {
      if (cluster < 2 || cluster >= this.#clusters + 2) {
        throw unreadable(`${path} leaves the file system`, this.#where);
      }
      if (this.#used.has(cluster)) throw unreadable(`${path} shares a cluster`, this.#where);
      this.#used.add(cluster);
      const at = (cluster - 2) * this.#clusterSize;
      parts.push(this.#data.subarray(at, at + this.#clusterSize));
    }
    return Buffer.concat(parts);
  }
}

/** Two adjacent 12-bit entries share three bytes. */
function read12BitEntry(table: Buffer, index: number): number {
  const pair = table.readUInt16LE(Math.floor((index * 3) / 2));
  return index % 2 === 0 ? pair & 0xfff : pair >>> 4;
}

/** Lower case is recorded in two flags (Windows NT and Linux); the name itself is upper case. */
function shortName(entry: Buffer): string {
  const flags = entry[12] ?? 0;
  const part = (from: number, to: number, lower: boolean) => {
    const text = entry.toString('latin1', from, to).trimEnd();
    return lower ? text.toLowerCase() : text;
  };
  const [name, extension] = [part(0, 8, (flags & 0x08) !== 0), part(8, 11, (flags & 0x10) !== 0)];
  return extension === '' ? name : `${name}.${extension}`;
}

function longPart(entry: Buffer): string {
  const parts = [entry.subarray(1, 11), entry.subarray(14, 26), entry.subarray(28, 32)];
  return Buffer.concat(parts).toString('utf16le');
}
