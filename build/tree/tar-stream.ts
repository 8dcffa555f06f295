import { Header, Pax } from 'tar';
import type { Entry } from './entry.ts';
import type { Tree } from './tree.ts';

/** Bytes per chunk. */
const CHUNK = 1024 * 1024;
const BLOCK = 512;
/** Longest link target in a header, in bytes. */
const LONGEST_TARGET = 100;

/** Entry type → its tar(5) type, in the names of the `tar` library. */
const TYPES = {
  file: 'File',
  directory: 'Directory',
  symlink: 'SymbolicLink',
  hardlink: 'Link',
  character: 'CharacterDevice',
  block: 'BlockDevice',
  fifo: 'FIFO',
} as const;

/** Options of `tarStream`. */
export interface TarOptions {
  /**
   * Reuses one buffer: a chunk is valid until the next one is requested. With a new buffer per chunk, V8 runs a full
   * garbage collection every few dozen chunks.
   */
  reuse?: boolean;
}

/**
 * Writes the tree as a tar: ustar, with pax headers (IEEE Std 1003.1) for long names, big numbers and extended
 * attributes, and GNU headers for long link targets. Parents come before children, files before their hard links. The
 * same tree gives the same bytes.
 * @param epoch time stamp of every entry, in seconds since 1970
 * @returns chunks of at most 1 MiB, each in a buffer of its own unless `reuse` is set
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

/** Returns the number of bytes that `tarStream` produces, without those of pax headers; for progress. */
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

  /** Returns free space of at most `most` bytes to write into; `taken` reports how much was used. */
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

/** Puts hard links last: a link that comes before its file has no target while the tar is read. */
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
 * Returns GNU tar's header for a long link target (tar(5), type `K`). A pax `linkpath` is no alternative: mksquashfs
 * 4.5 and 4.6 strip a leading `/`, `./` or `../` from it, even if the link is symbolic and that changes its target.
 */
function longTarget(target: string): Buffer[] {
  return preceding('NextFileHasLongLinkpath', Buffer.from(`${target}\0`));
}

/**
 * Returns a pax header with text records and binary attributes; `Pax` can write text only (star(5), `SCHILY.xattr.`).
 */
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

/** Returns a header that describes the next entry, followed by its body. */
function preceding(type: 'ExtendedHeader' | 'NextFileHasLongLinkpath', body: Buffer): Buffer[] {
  const block = Buffer.alloc(BLOCK);
  const size = body.length;
  new Header({ path: `@${type}`, type, mode: 0o644, size }).encode(block, 0);
  return [block, body, Buffer.alloc(padding(size))];
}
