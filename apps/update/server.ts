import { type IncomingMessage, request as plainRequest } from 'node:http';
import { request as secureRequest } from 'node:https';
import { ExplainedError, messageOf } from '../error.ts';
import { TemporaryFailure } from './download.ts';
import { LONGEST_RELEASE, type Part, type Source } from './source.ts';

/** A server with the tree of `qx-build release-tree`: any web server, or a control plane. */
export interface Server {
  /** Such as `https://updates.example/quantix`; below it is `PRODUCT/CHANNEL/ARCHITECTURE/release.json`. */
  address: string;
  product: string;
  channel: string;
  architecture: string;
  /**
   * The only authority that may have issued its certificate, in PEM, and the name in the certificate; the system's
   * authorities if absent.
   */
  trust?: { ca: string; name: string } | undefined;
  /** Milliseconds without data after which a connection is given up; 30 s if absent. */
  patience?: number | undefined;
}

const PATIENCE = 30_000;

/** 4xx status codes that are temporary (RFC 9110, 15.5.9; RFC 8470, 5.2; RFC 6585, 4). */
const TEMPORARY = [408, 425, 429];

/** Makes a source of releases from a server. */
export function makeServerSource(server: Server): Source {
  const { address, product, channel, architecture } = server;
  const root = address.replace(/\/+$/, '');
  const name = `${root}/${product}/${channel}/${architecture}/release.json`;
  return {
    name: root,
    readRelease: (signal) => readRelease(server, name, signal),
    openImage: ({ image }, part) =>
      openImage(server, { address: `${root}/${image.path}`, bytes: image.bytes, ...part }),
  };
}

/**
 * Reads a `release.json`. It is short, so the whole file must arrive within the time that is allowed between two pieces
 * of an image.
 */
async function readRelease(server: Server, address: string, signal: AbortSignal): Promise<string> {
  const { patience = PATIENCE } = server;
  const tooLate = AbortSignal.timeout(patience);
  try {
    const either = AbortSignal.any([signal, tooLate]);
    const { response, end } = await get(server, { address, offset: 0, signal: either });
    try {
      return await textOf(response, address);
    } finally {
      end();
    }
  } catch (cause) {
    signal.throwIfAborted();
    if (!tooLate.aborted || cause instanceof ExplainedError) throw cause;
    const what = `the release did not come within ${patience / 1000} s`;
    throw new TemporaryFailure(what, { cause });
  }
}

interface Wanted {
  address: string;
  /** Bytes that exist already. */
  offset: number;
  signal: AbortSignal;
}

async function* openImage(
  server: Server,
  wanted: Part & { address: string; bytes: number },
): AsyncGenerator<Uint8Array> {
  const { address, offset, bytes, onVain } = wanted;
  const { response, end } = await get(server, wanted);
  try {
    const whole = wholeLength(response, offset);
    if (whole !== undefined && whole !== bytes) {
      throw new ExplainedError({
        what: `the server has ${whole} bytes under this name, and the release names ${bytes}`,
        where: address,
        fix: 'Its tree is incomplete: copy the release there again.',
      });
    }
    // A server without range requests begins at the start: bytes that exist already are skipped.
    let passOver = response.statusCode === 206 ? 0 : offset;
    for await (const piece of piecesOf(response)) {
      const vain = Math.min(passOver, piece.length);
      passOver -= vain;
      if (vain > 0) onVain?.(vain);
      if (vain < piece.length) yield piece.subarray(vain);
    }
  } finally {
    end();
  }
}

/**
 * Returns the length of the whole file from the response headers; undefined if unknown. @throws TemporaryFailure if
 * another part was sent
 */
function wholeLength({ statusCode, headers }: IncomingMessage, offset: number): number | undefined {
  if (statusCode !== 206) {
    const length = headers['content-length'];
    return length === undefined ? undefined : Number(length);
  }
  const [, start, total] = /^bytes (\d+)-\d+\/(\d+|\*)$/.exec(headers['content-range'] ?? '') ?? [];
  if (Number(start) !== offset) {
    throw new TemporaryFailure(`the server did not return the range from byte ${offset} on`);
  }
  return total === '*' ? undefined : Number(total);
}

async function* piecesOf(response: IncomingMessage): AsyncGenerator<Buffer> {
  try {
    for await (const piece of response) {
      if (Buffer.isBuffer(piece)) yield piece;
    }
  } catch (error) {
    throw new TemporaryFailure(`the connection broke: ${messageOf(error)}`, { cause: error });
  }
}

async function textOf(response: IncomingMessage, where: string): Promise<string> {
  const pieces: Buffer[] = [];
  let length = 0;
  for await (const piece of piecesOf(response)) {
    length += piece.length;
    if (length > LONGEST_RELEASE) {
      throw new ExplainedError({ what: 'this is too long for a release.json', where });
    }
    pieces.push(piece);
  }
  return Buffer.concat(pieces).toString('utf8');
}

/** Requests a file from an offset on. @throws TemporaryFailure, ExplainedError */
async function get(
  { trust, patience = PATIENCE }: Server,
  { address, offset, signal }: Wanted,
): Promise<{ response: IncomingMessage; end: () => void }> {
  const url = new URL(address);
  const options = {
    signal,
    timeout: patience,
    agent: false,
    headers: { accept: '*/*', ...(offset > 0 && { range: `bytes=${offset}-` }) },
    ...(trust && { ca: trust.ca, servername: trust.name }),
  };
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    const request = url.protocol === 'https:' ? secureRequest : plainRequest;
    const asked = request(url, options, resolve);
    asked.on('timeout', () => asked.destroy(new Error(`nothing came for ${patience / 1000} s`)));
    asked.on('error', reject);
    asked.end();
  }).catch((error: unknown) => {
    signal.throwIfAborted();
    throw new TemporaryFailure(`the server cannot be reached: ${messageOf(error)}`, {
      cause: error,
    });
  });
  const status = response.statusCode ?? 0;
  const end = () => response.destroy();
  if (status === 200 || status === 206) return { response, end };
  end();
  if (status >= 500 || TEMPORARY.includes(status)) {
    throw new TemporaryFailure(`the server answers ${status}`);
  }
  throw new ExplainedError({
    what: `the server answers ${status}${response.headers.location === undefined ? '' : ', and sends elsewhere'}`,
    where: address,
    fix:
      status === 404
        ? 'It has no release for this product, channel and architecture: check its address.'
        : 'Check its address, and the server’s log.',
  });
}

/** Parses the address of a server. @throws ExplainedError if it is invalid */
export function parseServerAddress(text: string): string {
  const url = URL.parse(text);
  if (url !== null && ['http:', 'https:'].includes(url.protocol) && !url.search && !url.hash) {
    if (url.username === '' && url.password === '') return text.replace(/\/+$/, '');
  }
  throw new ExplainedError({
    what: `${JSON.stringify(text)} is not the address of an update server`,
    fix: 'Write it like https://updates.example/quantix, without a name or a password in it.',
  });
}
