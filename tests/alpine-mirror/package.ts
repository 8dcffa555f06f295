import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { computeIdentity } from '../../build/base/alpine/checksum.ts';
import { ContentReader } from '../../build/tree/content.ts';
import type { Entry, FileEntry } from '../../build/tree/entry.ts';
import { gzipStream } from './gzip.ts';
import type { SigningKey } from './key.ts';
import { controlPart, entryHeaders, signaturePart } from './parts.ts';
import { indexStanza, type PackageRecipe, pkginfo } from './recipe.ts';
import { END_MARK, padding } from './tar.ts';

/** Settings for making packages. */
export interface Packing {
  readonly key: SigningKey;
  /** Compression of the data, 1 to 9. */
  readonly level?: number;
}

/** A package in memory. */
export interface PackedPackage {
  /** Name of the file: `<name>-<version>.apk`. */
  readonly file: string;
  readonly bytes: Buffer;
  readonly identity: string;
  /** Its stanza in an index. */
  readonly stanza: string;
}

/** Makes a small package, signed. The same recipe and key give the same bytes. */
export async function packPackage(recipe: PackageRecipe, packing: Packing): Promise<PackedPackage> {
  const data = await collect(gzipStream(dataTar(recipe.entries ?? []), packing.level));
  const head = packageHead(recipe, createHash('sha256').update(data).digest('hex'), packing.key);
  const bytes = Buffer.concat([head.bytes, data]);
  const { identity } = head;
  return {
    file: fileName(recipe),
    bytes,
    identity,
    stanza: indexStanza(recipe, identity, bytes.length),
  };
}

/**
 * Makes a package of any size as a file in a folder; creates the folder if it is missing.
 * @returns its stanza in an index
 */
export async function packPackageFile(
  recipe: PackageRecipe,
  packing: Packing,
  folder: string,
): Promise<string> {
  await mkdir(folder, { recursive: true });
  const file = join(folder, fileName(recipe));
  const hash = createHash('sha256');
  let size = 0;
  const watched = async function* () {
    for await (const chunk of gzipStream(dataTar(recipe.entries ?? []), packing.level)) {
      hash.update(chunk);
      size += chunk.length;
      yield chunk;
    }
  };
  await pipeline(watched, createWriteStream(`${file}.data`));
  const head = packageHead(recipe, hash.digest('hex'), packing.key);
  const whole = async function* () {
    yield head.bytes;
    yield* createReadStream(`${file}.data`);
  };
  await pipeline(whole, createWriteStream(file));
  await rm(`${file}.data`);
  return indexStanza(recipe, head.identity, head.bytes.length + size);
}

function fileName({ name, version }: PackageRecipe): string {
  return `${name}-${version}.apk`;
}

function packageHead(recipe: PackageRecipe, datahash: string, key: SigningKey) {
  const control = controlPart(pkginfo(recipe, datahash), recipe.scripts);
  const bytes = Buffer.concat([signaturePart(control, key), control]);
  return { bytes, identity: computeIdentity(control) };
}

const CHUNK = 1024 * 1024;

/** The data part before compression: entries with their checksums, an end mark, filled up to 10,240 bytes. */
export function* dataTar(entries: readonly Entry[]): Generator<Buffer> {
  using reader = new ContentReader();
  let size = 0;
  for (const entry of entries) {
    for (const chunk of entryChunks(entry, reader)) {
      size += chunk.length;
      yield chunk;
    }
  }
  const end = size + END_MARK.length;
  yield Buffer.concat([END_MARK, Buffer.alloc((10_240 - (end % 10_240)) % 10_240)]);
}

function* entryChunks(entry: Entry, reader: ContentReader): Generator<Buffer> {
  if (entry.type !== 'file') {
    yield entryHeaders(entry);
    return;
  }
  const hash = createHash('sha1');
  for (const chunk of contentChunks(entry, reader)) hash.update(chunk);
  yield entryHeaders(entry, hash.digest('hex'));
  yield* contentChunks(entry, reader);
  yield padding(entry.size);
}

function* contentChunks(entry: FileEntry, reader: ContentReader): Generator<Buffer> {
  for (let at = 0; at < entry.size; at += CHUNK) {
    const chunk = Buffer.allocUnsafe(Math.min(CHUNK, entry.size - at));
    reader.read(entry, at, chunk);
    yield chunk;
  }
}

async function collect(chunks: AsyncIterable<Buffer>): Promise<Buffer> {
  return Buffer.concat(await Array.fromAsync(chunks));
}
