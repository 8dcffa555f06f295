import type { Entry } from '../../../build/tree/entry.ts';
import { readTar } from '../../../build/tree/read-tar.ts';
import type { EntrySink } from '../../../build/tree/sink.ts';

const BLOCK = 512;

/** Fields of a tar header (ustar); numbers are written in octal, text and bytes as they are. */
export interface HeaderFields {
  name?: string | Uint8Array;
  type?: string;
  mode?: number | string;
  uid?: number | string | Uint8Array;
  size?: number | string | Uint8Array;
  link?: string;
  magic?: string;
  major?: number;
  minor?: number;
}

/** One header block with a correct checksum. */
export function header(fields: HeaderFields = {}): Buffer {
  const { name = 'file', type = '0', mode = 0o644, uid = 0, size = 0, link = '' } = fields;
  const { magic = 'ustar\x0000', major = 0, minor = 0 } = fields;
  const block = Buffer.alloc(BLOCK);
  const put = (value: string | number | Uint8Array, at: number, width: number) =>
    Buffer.from(
      typeof value === 'number' ? value.toString(8).padStart(width - 1, '0') : value,
    ).copy(block, at, 0, width);
  put(name, 0, 100);
  put(mode, 100, 8);
  put(uid, 108, 8);
  put(0, 116, 8);
  put(size, 124, 12);
  put(0, 136, 12);
  put(' '.repeat(8), 148, 8);
  put(type, 156, 1);
  put(link, 157, 100);
  put(magic, 257, 8);
  put(major, 329, 8);
  put(minor, 337, 8);
  const sum = block.reduce((total, byte) => total + byte, 0);
  put(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 8);
  return block;
}

/** A member: header and content, padded to whole blocks. */
export function member(fields: HeaderFields, content: string | Uint8Array = ''): Buffer {
  const bytes = Buffer.from(content);
  const padding = Buffer.alloc((BLOCK - (bytes.length % BLOCK)) % BLOCK);
  return Buffer.concat([header({ size: bytes.length, ...fields }), bytes, padding]);
}

/** A pax extended header (POSIX.1 pax) with these records, for the member after it. */
export function pax(records: Readonly<Record<string, string>>, type = 'x'): Buffer {
  const lines = Object.entries(records).map(([key, value]) => paxRecord(key, value));
  return member({ name: 'PaxHeaders/0', type }, lines.join(''));
}

function paxRecord(key: string, value: string): string {
  const rest = Buffer.byteLength(` ${key}=${value}\n`);
  let length = rest;
  while (String(length).length + rest !== length) length = String(length).length + rest;
  return `${length} ${key}=${value}\n`;
}

/** The two zero blocks that end an archive. */
export const END = Buffer.alloc(2 * BLOCK);

/** Bytes as a stream of chunks of one size. */
export async function* chunked(bytes: Uint8Array, size = 1024 * 1024): AsyncGenerator<Uint8Array> {
  for (let from = 0; from < bytes.length; from += size) yield bytes.subarray(from, from + size);
}

/** Collects entries. As in the cache, a file must have the size that its entry states. */
export class Collection implements EntrySink {
  readonly entries: Entry[] = [];

  add(entry: Exclude<Entry, { type: 'file' }>): void {
    this.entries.push(entry);
  }

  async file(
    entry: Omit<Entry & { type: 'file' }, 'content'>,
    content: AsyncIterable<Uint8Array>,
  ): Promise<void> {
    const parts: Uint8Array[] = [];
    for await (const chunk of content) parts.push(chunk);
    const bytes = Buffer.concat(parts);
    if (bytes.length !== entry.size) throw new Error(`${entry.path} has ${bytes.length} bytes`);
    this.entries.push({ ...entry, content: { in: 'memory', bytes } });
  }

  /** Path → content of the files. */
  get texts(): Record<string, string> {
    const texts: Record<string, string> = {};
    for (const entry of this.entries) {
      if (entry.type !== 'file' || entry.content.in !== 'memory') continue;
      texts[entry.path] = Buffer.from(entry.content.bytes).toString('utf8');
    }
    return texts;
  }
}

/** Reads an archive of these parts. */
export async function readParts(parts: readonly Uint8Array[], chunk?: number): Promise<Collection> {
  const collection = new Collection();
  await readTar(chunked(Buffer.concat(parts), chunk), collection, 'package test');
  return collection;
}
