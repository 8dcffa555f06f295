import type { IncomingHttpHeaders } from 'node:http';
import { type RequestOptions, request } from 'node:https';
import { messageOf } from '../../error.ts';
import { AcmeError, quoteText } from './error.ts';

/** Maximum number of bytes of an answer. A certificate chain has a few thousand bytes. */
const LARGEST = 256 * 1024;

/** Milliseconds that an answer may take. */
const ANSWER_WITHIN = 20_000;

/** A certificate authority, and how to connect to it. */
export interface AcmeServer {
  /** Address of its directory. */
  readonly directory: string;
  /** Certificates in PEM that the server's chain must end in; if empty, those of the system are used. */
  readonly authority: string;
}

/** An answer of at most 256 KiB. */
export interface AcmeAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

/**
 * Sends a request to a certificate authority: only by HTTPS, and only to the origin of its directory, so that a
 * directory cannot make this machine send requests to other servers. Redirects are not followed.
 * @param body a signed request to post
 * @throws AcmeError if the address is not allowed, no answer arrives in time, or the answer is too long or a redirect
 */
export async function exchange(
  { directory, authority }: AcmeServer,
  { method, url, body = '' }: { method: 'GET' | 'HEAD' | 'POST'; url: string; body?: string },
  signal: AbortSignal,
): Promise<AcmeAnswer> {
  const { protocol, origin } = new URL(directory);
  const wanted = URL.parse(url);
  if (protocol !== 'https:' || wanted?.origin !== origin) {
    throw new AcmeError({
      what: `the directory names an address elsewhere: ${quoteText(url)}`,
      where: directory,
      fix: `Only addresses that begin with ${origin}/ are asked.`,
    });
  }
  const limited = AbortSignal.any([signal, AbortSignal.timeout(ANSWER_WITHIN)]);
  try {
    const given = { method, signal: limited, ...(authority === '' ? {} : { ca: authority }) };
    return refuseRedirect(await ask(wanted, given, body), url);
  } catch (cause) {
    if (cause instanceof AcmeError) throw cause;
    signal.throwIfAborted();
    const why = limited.aborted ? 'no answer in time' : messageOf(cause);
    throw new AcmeError({
      what: `the certificate authority cannot be asked: ${quoteText(why)}`,
      where: url,
      fix: /certificate/i.test(why)
        ? 'If its own certificate is one of a private authority, --authority FILE names that.'
        : 'Check the address, and that this machine reaches it.',
      cause,
    });
  }
}

async function ask(url: URL, given: RequestOptions, body: string): Promise<AcmeAnswer> {
  const { promise, resolve, reject } = Promise.withResolvers<AcmeAnswer>();
  const asked = request(url, {
    ...{ ...given, agent: false },
    headers: {
      'user-agent': 'qx-controlplane',
      ...(body === '' ? {} : { 'content-type': 'application/jose+json' }),
      ...(body === '' ? {} : { 'content-length': Buffer.byteLength(body) }),
    },
  });
  asked.once('error', reject);
  asked.once('response', (response) => {
    const pieces: Buffer[] = [];
    let length = 0;
    response.on('data', (piece: Buffer) => {
      length += piece.length;
      pieces.push(piece);
      if (length > LARGEST) asked.destroy(new Error(`its answer is longer than ${LARGEST} bytes`));
    });
    response.once('error', reject);
    response.once('end', () => {
      const { statusCode: status = 0, headers } = response;
      resolve({ status, headers, text: Buffer.concat(pieces).toString('utf8') });
    });
  });
  asked.end(body);
  return await promise;
}

function refuseRedirect(answer: AcmeAnswer, url: string): AcmeAnswer {
  const { status, headers } = answer;
  if (status < 300 || status > 399) return answer;
  throw new AcmeError({
    what: `the certificate authority redirects to ${quoteText(headers.location ?? 'nowhere')}`,
    where: url,
    fix: 'Redirects are not followed: give the address of the directory itself.',
  });
}
