import { Header, Pax } from 'tar';
import type { Entry } from './entry.ts';
import type { Tree } from './tree.ts';

/** Bytes handed on at a time. */
const CHUNK = 1024 * 1024;
const BLOCK = 512;
/** Bytes of a link's target in a header. */
const LONGEST_TARGET = 100;

/** tar(5) type of each entry type, as the `tar` library names it. */
const TYPES = {
  file: 'File',
  directory: 'Directory',
  symlink: 'SymbolicLink',
  hardlink: 'Link',
  character: 'CharacterDevice',
  block: 'BlockDevice',
  fifo: 'FIFO',
} as const;

/** What a tar is handed out in; everything is optional. */
export interface TarOptions {
  /**
   * Hands out the same memory again and again: a chunk is valid until the next one is asked for. Fresh memory for each
   * makes V8 collect garbage, all of its heap, every few dozens of them.
   */
  reuse?: boolean;
}

/**
 * The tree as a POSIX tar (ustar with pax headers for long names, big numbers and extended attributes, IEEE Std 1003.1
 * pax; and GNU's for long link targets),
 * parents before children, files before their hard links. The same tree gives the same bytes.
 * @param epoch time stamp of every entry, seconds since 1970
 * @returns chunks of at most 1 MiB, each in memory of its own unless `reuse`
 * @throws BuildError if the content of a file cannot be read
 */
export function* tarStream(
  tree: Tree,
  epoch: number,
  { reuse = false }: TarOptions = {},
): Generator<Buffer> {
  const chunk = new Chunk(reuse);
  const mtime = new Date(epoch * 1000);
  for (const entry of inTarOrder(tree)) {
    yield* chunk.fill(headerBlocks(entry, mtime));
    if (entry.type !== 'file') continue;
    for (let from = 0; from < entry.size; ) {
      const space = chunk.space(entry.size - from);
      tree.read(entry, from, space);
      from += space.length;
      yield* chunk.taken(space.length);
    }
    yield* chunk.fill(Buffer.alloc(padding(entry.size)));
  }
  yield* chunk.fill(Buffer.alloc(2 * BLOCK));
  yield chunk.rest();
}

/** Bytes that `tarStream` will give, pax headers aside; for progress. */
export function tarSize(tree: Tree): number {
  let size = 2 * BLOCK;
  for (const entry of tree.entries()) {
    size += BLOCK + (entry.type === 'file' ? entry.size + padding(entry.size) : 0);
  }
  return size;
}

/** Collects small pieces into buffers of `CHUNK` bytes. */
class Chunk {
  readonly #reuse: boolean;
  #buffer = Buffer.allocUnsafeSlow(CHUNK);
  #used = 0;

  constructor(reuse: boolean) {
    this.#reuse = reuse;
  }

  /** Free room to write into, at most `most` bytes; `taken` says how much was used. */
  space(most: number): Buffer {
    return this.#buffer.subarray(this.#used, Math.min(CHUNK, this.#used + most));
  }

  *taken(bytes: number): Generator<Buffer> {
    this.#used += bytes;
    if (this.#used < CHUNK) return;
    const full = this.#buffer;
    if (!this.#reuse) this.#buffer = Buffer.allocUnsafeSlow(CHUNK);
    this.#used = 0;
    yield full;
  }

  *fill(bytes: Buffer): Generator<Buffer> {
    for (let from = 0; from < bytes.length; ) {
      const copied = bytes.copy(this.space(bytes.length - from), 0, from);
      from += copied;
      yield* this.taken(copied);
    }
  }

  rest(): Buffer {
    return this.#buffer.subarray(0, this.#used);
  }
}

function padding(size: number): number {
  return (BLOCK - (size % BLOCK)) % BLOCK;
}

/** Hard links go last: a name sorted before its file would point at nothing while being read. */
function inTarOrder(tree: Tree): Entry[] {
  const entries = tree.entries();
  return [
    ...entries.filter((entry) => entry.type !== 'hardlink'),
    ...entries.filter((entry) => entry.type === 'hardlink'),
  ];
}

function headerBlocks(entry: Entry, mtime: Date): Buffer {
  const path = entry.type === 'directory' ? `${entry.path}/` : entry.path;
  const size = entry.type === 'file' ? entry.size : 0;
  const link =
    entry.type === 'symlink' || entry.type === 'hardlink' ? { linkpath: entry.target } : {};
  const header = new Header({
    path,
    size,
    mtime,
    mode: entry.mode,
    uid: entry.uid,
    gid: entry.gid,
    type: TYPES[entry.type],
    ...link,
    ...('major' in entry ? { devmaj: entry.major, devmin: entry.minor } : {}),
  });
  const block = Buffer.alloc(BLOCK);
  const needsPax = header.encode(block, 0);
  const pax = needsPax ? new Pax({ path, size }).encodeBody() : '';
  return Buffer.concat([
    ...('linkpath' in link && !fitsHeader(link.linkpath) ? longTarget(link.linkpath) : []),
    ...(needsPax || entry.attributes !== undefined ? extended(pax, entry.attributes ?? {}) : []),
    block,
  ]);
}

/** Whether `Header` can hold a link's target: 100 bytes of ASCII. */
function fitsHeader(target: string): boolean {
  return target.length <= LONGEST_TARGET && Buffer.byteLength(target) === target.length;
}

/**
 * A long target, as GNU tar writes it (tar(5), type `K`). Of a `linkpath` in a pax header mksquashfs 4.5 and 4.6 take
 * `/`, `./` and `../` at the start away, also where the link is symbolic and they are a part of what it says.
 */
function longTarget(target: string): Buffer[] {
  return preceding('NextFileHasLongLinkpath', Buffer.from(`${target}\0`));
}

/** A pax header of records and of attributes, whose values are bytes: `Pax` knows only text (star(5), `SCHILY.xattr.`). */
function extended(text: string, attributes: Readonly<Record<string, string>>): Buffer[] {
  const records = Object.entries(attributes).map(([name, hex]) => {
    const rest = Buffer.concat([
      Buffer.from(` SCHILY.xattr.${name}=`),
      Buffer.from(hex, 'hex'),
      Buffer.from('\n'),
    ]);
    let length = rest.length;
    while (String(length).length + rest.length !== length)
      length = String(length).length + rest.length;
    return Buffer.concat([Buffer.from(String(length)), rest]);
  });
  return preceding('ExtendedHeader', Buffer.concat([Buffer.from(text), ...records]));
}

/** A header that says something of the next one, with what it says. */
function preceding(type: 'ExtendedHeader' | 'NextFileHasLongLinkpath', body: Buffer): Buffer[] {
  const block = Buffer.alloc(BLOCK);
  const size = body.length;
  new Header({ path: `@${type}`, type, mode: 0o644, size }).encode(block, 0);
  return [block, body, Buffer.alloc(padding(size))];
}
