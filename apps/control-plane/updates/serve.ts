import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open, readFile } from 'node:fs/promises';
import type { IncomingHttpHeaders, OutgoingHttpHeaders } from 'node:http';
import { join } from 'node:path';
import type { Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { getErrorCode } from '../../process/code-of.ts';
import { determineNetwork, Shares } from '../node-service/allowance.ts';

/** Path below which the tree of updates is served. */
export const UPDATES_PATH = '/updates/';

/**
 * Maximum number of concurrent downloads of images: in all, and per network; each holds an open file and a connection.
 */
const DOWNLOADS = { all: 64, each: 8 };
/** Seconds after which a refused caller may ask again. */
const ASK_AGAIN = '30';

/** Milliseconds for which a caller may read nothing of its download. */
const PATIENCE = 60_000;

/** A request and its response, with any version of HTTP. */
export interface FileRequest {
  readonly socket: { readonly remoteAddress?: string | undefined };
  readonly method?: string | undefined;
  readonly url?: string | undefined;
  readonly headers: IncomingHttpHeaders;
}
export type FileResponse = Writable & {
  readonly headersSent: boolean;
  writeHead(status: number, headers?: OutgoingHttpHeaders): unknown;
  setTimeout(milliseconds: number, onTimeout: () => void): unknown;
};

/** A file of the tree. */
interface Served {
  readonly path: string;
  readonly type: string;
  /** SHA-256 from its name; for other files, it is computed from their content. */
  readonly sha256?: string;
}

const IMAGE = /^images\/([0-9a-f]{64})\.iso$/;
const RELEASE = /^([a-z][a-z0-9-]{0,63}\/[a-z][a-z0-9-]{0,31}\/[a-z0-9_]{1,32})\/release\.json$/;
const AT = /^at\/([1-9]\d{0,15})\/(.+)$/;

/**
 * Returns the file of a path. The prefix `at/SERIAL/` selects the same tree with the release of that serial, which a
 * roll-out keeps there when newer ones are published.
 * @param path the part after `/updates/`
 */
function servedAt(folder: string, path: string): Served | undefined {
  const [, serial, rest] = AT.exec(path) ?? [];
  const name = rest ?? path;
  const [, sha256] = IMAGE.exec(name) ?? [];
  if (sha256 !== undefined) {
    return { path: join(folder, name), type: 'application/octet-stream', sha256 };
  }
  const [, line] = RELEASE.exec(name) ?? [];
  if (line === undefined) return undefined;
  const file = serial === undefined ? 'release.json' : `${serial}.json`;
  return { path: join(folder, line, file), type: 'application/json' };
}

/** A part of a file: its first and its last byte, both included. */
interface Part {
  readonly start: number;
  readonly end: number;
}

/**
 * Parses a Range header (RFC 9110, 14.2) with one range of bytes. Several ranges or other units are ignored: the whole
 * file is a valid answer, too.
 * @returns undefined for the whole file, `none` if the range is outside the file
 */
export function parseRange(range: string | undefined, bytes: number): Part | 'none' | undefined {
  const [, first = '', last = ''] = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(range ?? '') ?? [];
  if (first === '' && last === '') return undefined;
  if (first === '') {
    const length = Math.min(Number(last), bytes);
    return length === 0 ? 'none' : { start: bytes - length, end: bytes - 1 };
  }
  const start = Number(first);
  const end = last === '' ? bytes - 1 : Math.min(Number(last), bytes - 1);
  if (last !== '' && Number(last) < start) return undefined;
  return start >= bytes ? 'none' : { start, end };
}

/**
 * Serves the tree of updates to everyone: its content is public and signed. One address, or one IPv6 /64 network, has a
 * limited share of the downloads (429, RFC 6585, 4). Only images are refused: a host that is refused an image asks
 * again, but a host that is refused a release file would give up its update.
 * @param folder the tree
 * @returns the handler of requests whose path begins with `UPDATES_PATH`
 */
export function createUpdatesHandler(
  folder: string,
): (request: FileRequest, response: FileResponse) => Promise<void> {
  const shares = new Shares(DOWNLOADS);
  return async (request, response) => {
    const { method = '', headers } = request;
    if (method !== 'GET' && method !== 'HEAD') return answer(response, 405, { allow: 'GET, HEAD' });
    const path = (request.url ?? '').split('?', 1)[0] ?? '';
    const served = servedAt(folder, path.slice(UPDATES_PATH.length));
    if (served === undefined) return answer(response, 404);
    if (served.sha256 === undefined) return send(served, { method, headers, response });
    const taken = shares.take(determineNetwork(request.socket.remoteAddress ?? ''));
    if (typeof taken === 'string') {
      return answer(response, taken === 'share' ? 429 : 503, { 'retry-after': ASK_AGAIN });
    }
    try {
      await send(served, { method, headers, response });
    } finally {
      taken();
    }
  };
}

async function send(
  { path, type, sha256 }: Served,
  {
    method,
    headers,
    response,
  }: { method: string; headers: IncomingHttpHeaders; response: FileResponse },
): Promise<void> {
  const content = sha256 === undefined ? await readIfThere(path) : undefined;
  const bytes = sha256 === undefined ? content?.length : await sizeOf(path);
  if (bytes === undefined) return answer(response, 404);
  const etag = `"${
    sha256 ??
    createHash('sha256')
      .update(content ?? '')
      .digest('hex')
  }"`;
  const known = { etag, 'accept-ranges': 'bytes', 'cache-control': 'no-cache' };
  if (isNamed(headers['if-none-match'], etag)) return answer(response, 304, known);
  const ifRange = headers['if-range'];
  const isSame = ifRange === undefined || ifRange === etag;
  const part = isSame && method === 'GET' ? parseRange(headers.range, bytes) : undefined;
  if (part === 'none') {
    return answer(response, 416, { ...known, 'content-range': `bytes */${bytes}` });
  }
  const { start, end } = part ?? { start: 0, end: bytes - 1 };
  response.writeHead(part === undefined ? 200 : 206, {
    ...known,
    'content-type': type,
    'content-length': end - start + 1,
    ...(part === undefined ? {} : { 'content-range': `bytes ${start}-${end}/${bytes}` }),
  });
  if (method === 'HEAD') return void response.end();
  if (content !== undefined) return void response.end(content.subarray(start, end + 1));
  response.setTimeout(PATIENCE, () => response.destroy());
  // A caller that disconnects in the middle is not an error here.
  await pipeline(createReadStream(path, { start, end }), response).catch(() => undefined);
}

function isNamed(header: string | undefined, etag: string): boolean {
  const names = (header ?? '').split(',').map((name) => name.trim().replace(/^W\//, ''));
  return names.includes(etag) || names.includes('*');
}

function answer(
  response: FileResponse,
  status: number,
  headers: Readonly<Record<string, string>> = {},
): void {
  response.writeHead(status, headers);
  response.end();
}

async function readIfThere(path: string): Promise<Buffer | undefined> {
  try {
    return await readFile(path);
  } catch (error) {
    if (getErrorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}

async function sizeOf(path: string): Promise<number | undefined> {
  try {
    await using file = await open(path);
    return (await file.stat()).size;
  } catch (error) {
    if (getErrorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}
