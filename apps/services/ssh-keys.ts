import { createHash, timingSafeEqual } from 'node:crypto';
import { get as getPlainly, type IncomingMessage } from 'node:http';
import { join } from 'node:path';
import { readNames, readText } from '../host/read.ts';
import { ServiceError } from './control.ts';
import { type PublicKey, parsePublicKey, parsePublicKeys } from './public-key.ts';

/** A key that may log in as root. */
export interface LogInKey extends PublicKey {
  /** False for a key that is valid only until the next boot. */
  kept: boolean;
}

/** Largest answer with keys, in bytes. */
const MOST_BYTES = 65_536;
/** Milliseconds without data after which a download fails. */
const SILENCE = 15_000;

/** Reads the keys that may log in as root. @param root folder that contains the files */
export async function readLogInKeys(root = '/'): Promise<LogInKey[]> {
  const [kept = '', session = ''] = await Promise.all(
    ['quantix/ssh/authorized_keys', 'root/.ssh/authorized_keys'].map((file) =>
      readText(join(root, file)),
    ),
  );
  return [
    ...parsePublicKeys(kept).map((key) => ({ ...key, kept: true })),
    ...parsePublicKeys(session).map((key) => ({ ...key, kept: false })),
  ];
}

/**
 * Reads the host's own public keys, for comparison at the first login; there are none before SSH is first turned on.
 * @param root folder that contains the files
 */
export async function readHostKeys(root = '/'): Promise<PublicKey[]> {
  const folder = join(root, 'etc/ssh');
  const names = (await readNames(folder)).filter((name) => /^ssh_host_.*_key\.pub$/.test(name));
  const texts = await Promise.all(names.sort().map((name) => readText(join(folder, name))));
  return texts.flatMap((text) => parsePublicKey(text ?? '') ?? []);
}

/**
 * Fetches public keys from any server: their hash authenticates them.
 * @param sha256 of the whole answer, 64 hexadecimal digits
 * @throws ServiceError if there is no answer, or its hash is different
 */
export async function fetchKeys(
  { url, sha256 }: { url: string; sha256: string },
  signal: AbortSignal,
): Promise<PublicKey[]> {
  const bytes = await fetchBytes(url, signal);
  const hash = createHash('sha256').update(bytes).digest();
  const wanted = Buffer.from(sha256, 'hex');
  if (wanted.length !== hash.length || !timingSafeEqual(hash, wanted)) {
    throw new ServiceError(`${url} is something else: its SHA-256 is ${hash.toString('hex')}`);
  }
  const keys = parsePublicKeys(bytes.toString('utf8'));
  if (keys.length === 0) throw new ServiceError(`${url} has no public key`);
  return keys;
}

async function fetchBytes(url: string, signal: AbortSignal): Promise<Buffer> {
  const response = await getResponse(url, signal);
  if (response.statusCode !== 200) {
    response.destroy();
    throw new ServiceError(`${url} is answered with ${response.statusCode}, not with 200`);
  }
  const parts: Buffer[] = [];
  let size = 0;
  for await (const part of response) {
    const bytes = Buffer.from(part);
    size += bytes.length;
    if (size > MOST_BYTES) throw new ServiceError(`${url} is larger than ${MOST_BYTES} bytes`);
    parts.push(bytes);
  }
  return Buffer.concat(parts);
}

async function getResponse(url: string, signal: AbortSignal): Promise<IncomingMessage> {
  // The code for TLS is loaded only for an `https:` address, because it takes memory of the console.
  const get = url.startsWith('https:') ? (await import('node:https')).get : getPlainly;
  return await new Promise((resolve, reject) => {
    const request = get(url, { signal, timeout: SILENCE }, resolve);
    request.on('timeout', () => request.destroy(new Error(`no answer within ${SILENCE / 1000} s`)));
    request.on('error', (cause) => {
      reject(new ServiceError(`${url} does not answer: ${cause.message}`, { cause }));
    });
  });
}
