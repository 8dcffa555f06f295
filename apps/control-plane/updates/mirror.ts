import { createHash, type Hash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { type FileHandle, mkdir, open, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { LONGEST_ENVELOPE } from '../../../build/release/envelope.ts';
import type { TrustedKey } from '../../../build/release/keys.ts';
import type { Release } from '../../../build/release/release.ts';
import { verifyRelease } from '../../../build/release/sign.ts';
import { type ReleaseLine, releasePath } from '../../../build/release/tree.ts';
import { syncFolder } from '../../files/durable-file.ts';
import { readSpace, type Space } from '../../host/file-system-space.ts';
import { formatBytes as inWords } from '../../text/amount.ts';
import { ControlPlaneError } from '../error.ts';
import { keep, type PinnedRelease, readKept, readSize, sweep, type TreeTurn } from './tree.ts';
import { type Fetched, fetchFrom } from './upstream.ts';

/** What to mirror, and from where. */
export interface MirrorRequest {
  /** Root of the upstream tree: `https://updates.example/quantix`. */
  readonly upstream: string;
  readonly folder: string;
  readonly line: ReleaseLine;
  /** Keys whose releases are accepted. */
  readonly trusted: readonly TrustedKey[];
  /** Maximum number of bytes of all images together. */
  readonly limit: number;
  /** Reads the releases of unfinished roll-outs: their images stay. */
  readonly readPinned: () => Promise<readonly PinnedRelease[]>;
  /** See `TreeTurn`. */
  readonly inTurn: TreeTurn;
  /**
   * Path of each line whose image is being downloaded → SHA-256 of the image. An interrupted download stays here, so
   * that the downloads of other lines do not remove what has arrived of it.
   */
  readonly coming: Map<string, string>;
  readonly now: Date;
  readonly signal: AbortSignal;
  /** Reads the bytes of the file system at a path, and those that are free. */
  readonly readSpace?: (path: string) => Promise<Pick<Space, 'total' | 'available'>>;
  /** Time limit in milliseconds for a release, and for each MiB of an image; 10 minutes by default. */
  readonly patience?: number;
}

/** Default of `patience`. Without a limit, a server that sends a byte now and then would block all other lines. */
const PATIENCE = 10 * 60_000;
/** Share of the file system that stays free: the database is on the same disk, and stops when that is full. */
const LEAST_FREE = 0.05;
/** Milliseconds that the file system has to answer how much space is left. */
const SPACE_PATIENCE = 10_000;
/** Number of bytes that count as progress. */
const PROGRESS = 1024 * 1024;

/** The result: `none` if the server has no release, `same` if it has no newer one, or the new release. */
export type Mirrored = 'none' | 'same' | Release;

/**
 * Downloads the newest release of a line, if it is newer than the present one, and its image; an interrupted download
 * is continued. Only complete files with a trusted signature are put into the tree.
 * @throws ExplainedError if the server does not answer, sends an outdated release or wrong content, or there is no
 *   space
 */
export async function mirrorRelease(request: MirrorRequest): Promise<Mirrored> {
  const { upstream, folder, line, trusted, now } = request;
  const address = `${upstream}/${releasePath(line)}`;
  const envelope = await fetchText(address, request);
  if (envelope === undefined) return 'none';
  const release = verifyRelease(envelope, trusted, address);
  const kept = await readKept(folder, line, trusted);
  refuse(release, { address, line, kept: kept?.release, now });
  if (kept?.envelope === envelope && kept.isWhole) return 'same';
  request.coming.set(releasePath(line), release.image.sha256);
  await bringImage(request, release);
  await keep(folder, release, envelope);
  request.coming.delete(releasePath(line));
  return release;
}

/** @throws ControlPlaneError if a release must not replace the present one */
function refuse(
  release: Release,
  {
    address,
    line,
    kept,
    now,
  }: { address: string; line: ReleaseLine; kept: Release | undefined; now: Date },
): void {
  const { serial, expires, image } = release;
  const because = (what: string) => {
    const fix = 'Check the update server: it may serve an old tree, or files of another release.';
    return new ControlPlaneError({ what, where: address, fix });
  };
  if (releasePath(release) !== releasePath(line)) {
    throw because(`the release found there is of ${releasePath(release)}`);
  }
  if (Date.parse(expires) <= now.getTime()) throw because(`the release expired at ${expires}`);
  if (kept === undefined || serial > kept.serial) return;
  if (serial < kept.serial) {
    throw because(`its serial is ${serial}, and ${kept.serial} was mirrored before`);
  }
  if (image.sha256 !== kept.image.sha256) {
    throw because(`it names another image than the release of the same serial that is here`);
  }
}

async function fetchText(
  address: string,
  { signal, patience = PATIENCE }: Pick<MirrorRequest, 'signal' | 'patience'>,
): Promise<string | undefined> {
  const fetched = await fetchFrom(address, { offset: 0, signal });
  if (fetched === undefined) return undefined;
  const begun = performance.now();
  const pieces: Uint8Array[] = [];
  let length = 0;
  try {
    for await (const piece of fetched.body) {
      pieces.push(piece);
      length += piece.length;
      if (performance.now() - begun > patience) throw tooSlow(length, patience, address);
      if (length > LONGEST_ENVELOPE) {
        throw new ControlPlaneError({ what: 'it is too long for a release', where: address });
      }
    }
  } finally {
    fetched.close();
  }
  return Buffer.concat(pieces).toString('utf8');
}

async function bringImage(request: MirrorRequest, release: Release): Promise<void> {
  const { folder, upstream, limit, coming, readPinned, inTurn, signal, patience } = request;
  const { path, bytes, sha256 } = release.image;
  const file = join(folder, path);
  if ((await readSize(file)) === bytes) return;
  const part = `${file}.part`;
  const begun = (await readSize(part)) ?? 0;
  // Read only now: a roll-out may have begun since this release was requested.
  const kept = await inTurn(async () => sweep(folder, await readPinned(), [...coming.values()]));
  const others = kept - begun;
  if (others + bytes > limit) {
    throw new ControlPlaneError({
      what: `there is no room for ${release.product} ${release.version}, ${inWords(bytes)}: other images use ${inWords(others)} of the limit of ${inWords(limit)}`,
      where: folder,
      fix: 'Let the roll-out of another release end, or raise updates.limitGiB in config.yaml.',
    });
  }
  await mkdir(dirname(file), { recursive: true });
  const readHere = (path: string) => readSpace(path, { timeout: SPACE_PATIENCE, signal });
  const { total, available } = await (request.readSpace ?? readHere)(folder);
  if (available - Math.max(0, bytes - begun) < total * LEAST_FREE) {
    throw new ControlPlaneError({
      what: `there is no room for ${release.product} ${release.version}, ${inWords(bytes)}: ${inWords(available)} of ${inWords(total)} are free, of which ${inWords(total * LEAST_FREE)} are left to the database`,
      where: folder,
      fix: 'Remove backups that nobody needs, lower updates.limitGiB in config.yaml, or use a larger disk.',
    });
  }
  const address = `${upstream}/${path}`;
  const from = begun > bytes ? 0 : begun;
  const digest = await download({ address, part, begun: from, bytes, signal, patience });
  if (digest !== sha256) {
    await rm(part, { force: true });
    throw new ControlPlaneError({
      what: 'the image is not the one that the release names: its SHA-256 differs',
      where: address,
      fix: 'It is fetched again; check the update server if that happens again.',
    });
  }
  await rename(part, file);
  await syncFolder(dirname(file));
}

/** Downloads the rest of a file. @returns SHA-256 of the whole file, in hex */
async function download({
  address,
  part,
  begun,
  bytes,
  signal,
  patience = PATIENCE,
}: {
  address: string;
  part: string;
  begun: number;
  bytes: number;
  signal: AbortSignal;
  patience?: number | undefined;
}): Promise<string> {
  // First, because it may take a while, and a server would not wait so long for its answer to be read.
  let hash = await hashBeginning(part, begun);
  const fetched = begun === bytes ? undefined : await fetchFrom(address, { offset: begun, signal });
  if (fetched === undefined && begun !== bytes) {
    throw new ControlPlaneError({ what: 'the update server has no such image', where: address });
  }
  // A server without ranges sends the whole file.
  const isWhole = fetched?.isPart === false;
  let at = isWhole ? 0 : begun;
  if (isWhole) hash = createHash('sha256');
  await using file = await open(part, at === 0 ? 'w' : 'r+');
  let mark = { at, time: performance.now() };
  for await (const piece of bodyOf(fetched, address)) {
    if (at + piece.length > bytes) {
      throw new ControlPlaneError({ what: `it has more than ${bytes} bytes`, where: address });
    }
    await writeAll(file, piece, at);
    hash.update(piece);
    at += piece.length;
    if (at - mark.at >= PROGRESS) mark = { at, time: performance.now() };
    else if (performance.now() - mark.time > patience) {
      throw tooSlow(at - mark.at, patience, address);
    }
  }
  await file.sync();
  if (at === bytes) return hash.digest('hex');
  throw new ControlPlaneError({
    what: `the connection ended after ${at} of ${bytes} bytes`,
    where: address,
    fix: 'The download is continued automatically.',
  });
}

/** Hashes the first bytes of a file. */
async function hashBeginning(file: string, bytes: number): Promise<Hash> {
  const hash = createHash('sha256');
  if (bytes === 0) return hash;
  for await (const piece of createReadStream(file, { end: bytes - 1 })) hash.update(piece);
  return hash;
}

/** Writes bytes at a position; one write may store only some of them, as on a disk that is nearly full. */
async function writeAll(file: FileHandle, bytes: Uint8Array, at: number): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    const { bytesWritten } = await file.write(bytes, done, bytes.length - done, at + done);
    done += bytesWritten;
  }
}

function tooSlow(bytes: number, patience: number, where: string): ControlPlaneError {
  return new ControlPlaneError({
    what: `only ${bytes} bytes arrived in ${Math.round(patience / 1000)} s`,
    where,
    fix: 'The download is continued later, automatically.',
  });
}

async function* bodyOf(fetched: Fetched | undefined, address: string): AsyncGenerator<Uint8Array> {
  if (fetched === undefined) return;
  try {
    yield* fetched.body;
  } catch (cause) {
    const what = 'the connection broke';
    throw new ControlPlaneError({
      what,
      where: address,
      fix: 'The download is continued automatically.',
      cause,
    });
  } finally {
    fetched.close();
  }
}
