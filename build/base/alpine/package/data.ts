import { createHash, type Hash } from 'node:crypto';
import type { Entry } from '../../../tree/entry.ts';
import { nameOf, parseTreePath } from '../../../tree/path.ts';
import type { EntrySink } from '../../../tree/sink.ts';
import { damagedArchive } from '../archive/damaged.ts';
import type { TarHeader } from '../archive/tar-header.ts';
import { readTarEntries, type StreamedEntry } from '../archive/tar-reader.ts';
import { OwnedTree } from './ownership.ts';

/** The data part of a package, and the sink for its entries. */
export interface PackageData {
  /** The decompressed data part; the stream throws at its end if the hash is wrong. */
  readonly chunks: AsyncIterable<Buffer>;
  readonly sink: EntrySink;
  /** Origin of the entries, for messages: `package busybox 1.36.1-r5`. */
  readonly origin: string;
}

/**
 * Reads the files of a package into a sink. Top-level names that start with a dot, and files `.keep_…`, are skipped, as
 * in apk. This is stricter than apk: content must match the checksum in its header; anything that apk would leave out
 * with a warning is an error; and names that begin with `./` or `../` are errors, too.
 * @returns the package's files, for the installed database
 * @throws BuildError if it is damaged, or has names outside the tree, files without checksum or directory, or content
 *   that does not match its header
 */
export async function readData({ chunks, sink, origin }: PackageData): Promise<OwnedTree> {
  const owned = new OwnedTree(origin);
  for await (const entry of readTarEntries(chunks, origin)) {
    refuseDots(entry.header, origin);
    if (isTaken(entry.header)) await take(entry, { owned, sink, origin });
  }
  return owned;
}

/**
 * Refuses names such as `./usr/a` or `../a`: apk skips them silently and would install the package without its files.
 */
function refuseDots({ name }: TarHeader, origin: string): void {
  if (!/^\.\.?(?:\/|$)/.test(name)) return;
  throw damagedArchive(
    `it has names like ${JSON.stringify(name.slice(0, 120))}, which apk skips`,
    origin,
  );
}

function isTaken({ name, type }: TarHeader): boolean {
  const isKeeper = type !== 'directory' && /^\.keep_./.test(nameOf(name));
  return !name.startsWith('.') && !isKeeper;
}

interface Taking {
  owned: OwnedTree;
  sink: EntrySink;
  origin: string;
}

async function take({ header, content }: StreamedEntry, taking: Taking): Promise<void> {
  const { owned, sink, origin } = taking;
  const path = cleanPath(header, origin);
  const { mode, uid, gid, attributes } = header;
  const owner = { path, mode, uid, gid, origin };
  const head = attributes === undefined ? owner : { ...owner, attributes };
  if (header.type === 'directory') {
    owned.directory(path, header);
    if (path !== '') sink.add({ ...head, type: 'directory' });
    return;
  }
  if (header.type === 'file') {
    const sha1 = claimed(header, origin);
    owned.file(path, header, sha1);
    await sink.file(
      { ...head, type: 'file', size: header.size },
      verified(content, { path, sha1, origin }),
    );
    return;
  }
  const entry = specialEntry(header, head);
  owned.file(path, header, checksumOf(entry, header, taking));
  sink.add(entry);
}

/** Like `parseTreePath`, but the name must already be canonical, except for the slash after a directory. */
function cleanPath({ name, type }: TarHeader, origin: string): string {
  const path = parseTreePath(name, origin);
  const written = type === 'directory' ? name.replace(/\/$/, '') : name;
  if (path === written && path !== '' && !hasControlCharacter(path)) return path;
  throw damagedArchive(`name ${JSON.stringify(name.slice(0, 120))} is not allowed`, origin);
}

function hasControlCharacter(path: string): boolean {
  for (let at = 0; at < path.length; at += 1) {
    const code = path.charCodeAt(at);
    if (code < 0x20 || code === 0x7f) return true;
  }
  return false;
}

function claimed({ name, sha1 }: TarHeader, origin: string): string {
  if (sha1 !== undefined) return sha1;
  throw damagedArchive(`${name} has no checksum (APK-TOOLS.checksum.SHA1)`, origin);
}

/** Passes the content on; throws at the end of the content if the checksum is wrong. */
async function* verified(
  content: AsyncIterable<Buffer>,
  { path, sha1, origin }: { path: string; sha1: string; origin: string },
): AsyncGenerator<Buffer> {
  const hash = createHash('sha1');
  for await (const chunk of content) {
    hash.update(chunk);
    yield chunk;
  }
  checkHash(hash, { path, sha1, origin });
}

function checkHash(
  hash: Hash,
  { path, sha1, origin }: { path: string; sha1: string; origin: string },
): void {
  if (hash.digest('hex') === sha1) return;
  throw damagedArchive(`the content of ${path} does not match its checksum`, origin);
}

type Special = Exclude<Entry, { type: 'file' | 'directory' }>;

function specialEntry(
  header: TarHeader,
  head: Pick<Entry, 'path' | 'mode' | 'uid' | 'gid' | 'attributes' | 'origin'>,
): Special {
  const { type, target, major, minor } = header;
  switch (type) {
    case 'symlink':
      return { ...head, type, target };
    case 'hardlink':
      return { ...head, type, target: parseTreePath(target, head.origin) };
    case 'character':
    case 'block':
      return { ...head, type, major, minor };
    case 'fifo':
      return { ...head, type };
    default:
      throw new Error(`${type} is not special`);
  }
}

function checksumOf(
  entry: Special,
  header: TarHeader,
  { owned, origin }: Taking,
): string | undefined {
  if (entry.type === 'hardlink') return owned.linked(entry.path, entry.target);
  if (entry.type !== 'symlink') return undefined;
  const sha1 = claimed(header, origin);
  checkHash(createHash('sha1').update(entry.target), { path: entry.path, sha1, origin });
  return sha1;
}
