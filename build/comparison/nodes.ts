import { createHash, type Hash } from 'node:crypto';
import { TAR_EXTENSIONS } from '../base/alpine/archive/tar-header.ts';
import type { StreamedEntry } from '../base/alpine/archive/tar-reader.ts';
import { readTarEntries } from '../base/alpine/archive/tar-reader.ts';
import { readInitramfs } from '../readback/cpio.ts';
import { readFat } from '../readback/fat.ts';
import type { FileRange } from '../readback/file-range.ts';
import type { Iso } from '../readback/iso9660.ts';
import type { ImageNode } from '../readback/node.ts';
import { visitContents } from '../readback/squashfs/contents.ts';
import { hashContents } from '../readback/squashfs/hash-contents.ts';
import { readSquashfs } from '../readback/squashfs/image.ts';
import { unreadable } from '../readback/verdict.ts';
import { sha256 } from '../step/digest.ts';
import { parseTreePath } from '../tree/path.ts';
import type { ContentNode } from './content.ts';

/** The paths of a part, and the text of the files from which settings are read. */
export interface ReadPart {
  nodes: ContentNode[];
  texts: ReadonlyMap<string, string>;
}

/** What to read of a part besides its paths, types and sizes. */
export interface Wanted {
  /** Whether the SHA-256 of each file is needed; without it most of an image need not be read. */
  hashes: boolean;
  /** Whether the text of the file at a path is needed. */
  isReported: (path: string) => boolean;
}

/** Maximum number of bytes of a file that is read whole. */
const LARGEST_TEXT = 32 * 1024 * 1024;

/** Maximum number of bytes of an initramfs, and of an EFI system partition, that are read into memory. */
const LARGEST_IN_MEMORY = 512 * 1024 * 1024;

/** Reads a squashfs. @throws BuildError if it cannot be read */
export async function readRootfs(
  range: FileRange,
  { hashes: isHashed, isReported }: Wanted,
  where: string,
): Promise<ReadPart> {
  const image = await readSquashfs((offset, length) => range.read(offset, length), where);
  const hashes = isHashed ? await hashContents(image) : undefined;
  const reported = image.nodes.filter(
    ({ path, type, size }) => type === 'file' && size <= LARGEST_TEXT && isReported(path),
  );
  const bytes = new Map(reported.map((node) => [node, Buffer.alloc(node.size)]));
  if (reported.length > 0) {
    await visitContents(image, reported, ({ node, from, bytes: part }) => {
      part.copy(bytes.get(node) ?? part, from);
    });
  }
  const texts = reported.map(
    (node) => [node.path, bytes.get(node)?.toString('utf8') ?? ''] as const,
  );
  const nodes = image.nodes.filter(({ path }) => path !== '');
  return { nodes: contentNodes(nodes, ({ inode }) => hashes?.get(inode)), texts: new Map(texts) };
}

/** Reads a tar of a root filesystem as a stream. @throws BuildError if it cannot be read */
export async function readRootfsTar(
  chunks: AsyncIterable<Buffer>,
  isReported: Wanted['isReported'],
  where: string,
): Promise<ReadPart> {
  const nodes = new Map<string, ImageNode & { sha256: string }>();
  const texts = new Map<string, string>();
  for await (const { header, content } of readTarEntries(chunks, where, TAR_EXTENSIONS)) {
    const path = parseTreePath(header.name, where);
    if (path === '') continue;
    if (header.type === 'hardlink') {
      const node = nodes.get(parseTreePath(header.target, where));
      if (node === undefined)
        throw unreadable(`/${path} is a hard link to a file that does not exist`, where);
      nodes.set(path, { ...node, path });
      continue;
    }
    const { type, mode, uid, gid, size, target, major, minor, attributes = {} } = header;
    const isFile = type === 'file';
    const read = isFile
      ? await hashStream(content, isReported(path) && size <= LARGEST_TEXT)
      : NOTHING;
    if (read.text !== undefined) texts.set(path, read.text);
    nodes.set(path, {
      ...{ path, type, mode, uid, gid, target, major, minor, attributes, mtime: 0 },
      ...{ inode: nodes.size, size: isFile ? size : 0, sha256: read.sha256 },
    });
  }
  const all = [...nodes.values()];
  return { nodes: contentNodes(all, ({ path }) => nodes.get(path)?.sha256), texts };
}

const NOTHING = { sha256: '', text: undefined };

async function hashStream(
  content: StreamedEntry['content'],
  isReported: boolean,
): Promise<{ sha256: string; text: string | undefined }> {
  const hash = createHash('sha256');
  const kept: Buffer[] = [];
  for await (const chunk of content) {
    hash.update(chunk);
    if (isReported) kept.push(Buffer.from(chunk));
  }
  const text = isReported ? Buffer.concat(kept).toString('utf8') : undefined;
  return { sha256: hash.digest('hex'), text };
}

/** Reads an initramfs. @throws BuildError if it cannot be read */
export function readInitramfsPart(
  range: FileRange,
  isReported: Wanted['isReported'],
  where: string,
): ReadPart {
  const nodes = readInitramfs(whole(range, where), where);
  const byPath = new Map(nodes.map((node) => [node.path, node]));
  const hashed = (node: ImageNode) => sha256(byPath.get(node.path)?.content ?? '');
  const texts = nodes
    .filter(({ path }) => isReported(path))
    .map(({ path, content }) => [path, content.toString('utf8')] as const);
  return { nodes: contentNodes(nodes, hashed), texts: new Map(texts) };
}

/** Reads an EFI system partition. @throws BuildError if it cannot be read */
export function readEsp(range: FileRange, where: string): ContentNode[] {
  const { files, directories } = readFat(whole(range, where), where);
  return [
    ...directories.map((path) => plainNode(path.slice(1), { type: 'directory', mode: 0o755 })),
    ...[...files].map(([path, content]) =>
      plainNode(path.slice(1), { size: content.length, sha256: sha256(content), mode: 0o644 }),
    ),
  ].sort(byPath);
}

/** Hashes the files of an ISO, and reads the text of those that are needed. */
export function readMedium(
  image: FileRange,
  { nodes }: Pick<Iso, 'nodes'>,
  { hashes, isReported }: Wanted,
): ReadPart {
  const texts = new Map<string, string>();
  const content = nodes.map(({ path, type, mode, uid, gid, offset, size }) => {
    if (type === 'directory') return plainNode(path, { type, mode, uid, gid });
    const part = image.part(offset, size);
    if (isReported(path) && size <= LARGEST_TEXT)
      texts.set(path, part.read(0, size).toString('utf8'));
    const sha256 = hashes ? hashRange(part).digest('hex') : '';
    return plainNode(path, { mode, uid, gid, size, sha256 });
  });
  return { nodes: content.sort(byPath), texts };
}

/** Hashes a part of a file, block by block. */
export function hashRange(range: FileRange): Hash {
  const hash = createHash('sha256');
  for (const piece of range.pieces()) hash.update(piece);
  return hash;
}

function plainNode(path: string, more: Partial<ContentNode>): ContentNode {
  return {
    ...{ path, type: 'file', mode: 0, uid: 0, gid: 0, size: 0, target: '', major: 0, minor: 0 },
    ...{ attributes: {}, sha256: '', sameAs: '', ...more },
  };
}

function whole(range: FileRange, where: string): Buffer {
  if (range.size > LARGEST_IN_MEMORY) throw unreadable('it is too large', where);
  return range.read(0, range.size);
}

/** Sorts nodes by path, adds hashes, and replaces inode numbers with `sameAs`. */
function contentNodes(
  nodes: readonly ImageNode[],
  hashOf: (node: ImageNode) => string | undefined,
): ContentNode[] {
  const first = new Map<number, string>();
  return [...nodes].sort(byPath).map((node) => {
    const { inode, mtime: _, type, mode, uid, gid, size, target, major, minor } = node;
    const sameAs = first.get(inode) ?? '';
    if (sameAs === '' && type !== 'directory') first.set(inode, node.path);
    return {
      ...{ path: node.path, type, mode, uid, gid, size, target, major, minor, sameAs },
      ...{ attributes: node.attributes, sha256: type === 'file' ? (hashOf(node) ?? '') : '' },
    };
  });
}

function byPath(a: { path: string }, b: { path: string }): number {
  return a.path < b.path ? -1 : a.path > b.path ? 1 : 0;
}
