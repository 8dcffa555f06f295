import type { IncomingMessage } from 'node:http';
import { errorCode } from '../process/errno.ts';
import type { BodyRequest } from './transfer.ts';
import { TransferFailure } from './transfer-failure.ts';

/** Status codes of temporary failures (RFC 9110, RFC 6585). */
const TEMPORARY = new Set([408, 425, 429, 500, 502, 503, 504]);
const REDIRECTS = new Set([301, 302, 303, 307, 308]);

/** Longest wait that a server may ask for, in milliseconds. */
const LONGEST_WAIT = 60_000;

/** The part of node:http's response that is used here. */
export type Head = Pick<IncomingMessage, 'statusCode' | 'statusMessage' | 'headers'>;

/**
 * Returns the address that a response redirects to, or `undefined` if it is not a redirect.
 * @throws TransferFailure if it redirects from https to http, or to another protocol
 */
export function redirectTarget({ statusCode, headers }: Head, from: URL): URL | undefined {
  if (!REDIRECTS.has(statusCode ?? 0)) return undefined;
  const { location } = headers;
  if (location === undefined || !URL.canParse(location, from.href)) {
    throw new TransferFailure('refused', 'the server redirects to nowhere');
  }
  const to = new URL(location, from);
  const safe = to.protocol === 'https:' || (to.protocol === 'http:' && from.protocol === 'http:');
  if (safe) return to;
  throw new TransferFailure(
    'refused',
    `the server redirects from ${from.protocol} to ${to.protocol}`,
  );
}

/**
 * Determines which part of a file a response contains (RFC 9110, section 14).
 * @returns position of its first byte in the file
 * @throws TransferFailure if the response contains no part of it, or the whole file has another size
 */
export function determineBodyStart(head: Head, asked: Pick<BodyRequest, 'from' | 'size'>): number {
  const { statusCode = 0, headers } = head;
  if (statusCode === 200) {
    checkSize(wholeNumber(headers['content-length']), asked.size);
    return 0;
  }
  if (statusCode === 206) return partialStart(headers['content-range'], asked);
  throw statusFailure(head);
}

/**
 * Checks the status of a response without content (RFC 9110, section 15).
 * @throws TransferFailure if it is not a success
 */
export function checkStatus(head: Head): void {
  const { statusCode = 0 } = head;
  if (statusCode < 200 || statusCode > 299) throw statusFailure(head);
}

function statusFailure(head: Head): TransferFailure {
  const { statusCode = 0, statusMessage = '' } = head;
  const answer = `the server answered ${statusCode} ${statusMessage}`.trimEnd();
  if (statusCode === 404 || statusCode === 410) return new TransferFailure('gone', answer);
  // The server's file is shorter than the part already received, so that part is not from the same file.
  if (statusCode === 416) return new TransferFailure('altered', answer);
  if (!TEMPORARY.has(statusCode)) return new TransferFailure('refused', answer);
  return new TransferFailure('interrupted', answer, { retryAfter: retryAfter(head) });
}

function partialStart(
  range: string | undefined,
  { from, size }: Pick<BodyRequest, 'from' | 'size'>,
): number {
  const match = /^bytes (\d{1,15})-\d{1,15}\/(\d{1,15}|\*)$/.exec(range ?? '');
  if (match === null || Number(match[1]) !== from) {
    const shown = JSON.stringify(range ?? '');
    throw new TransferFailure('refused', `the server answered with range ${shown} to byte ${from}`);
  }
  checkSize(wholeNumber(match[2]), size);
  return from;
}

/** @throws TransferFailure if the sizes differ */
export function checkSize(found: number | undefined, expected: number | undefined): void {
  if (found === undefined || expected === undefined || found === expected) return;
  throw new TransferFailure('altered', `expected ${expected} bytes, there are ${found}`);
}

/**
 * Returns the wait that `Retry-After` asks for, in milliseconds. Only seconds are accepted; a date would depend on the
 * server's clock.
 */
function retryAfter({ headers }: Head): number | undefined {
  const seconds = wholeNumber(headers['retry-after']);
  return seconds === undefined ? undefined : Math.min(seconds * 1000, LONGEST_WAIT);
}

function wholeNumber(text: string | undefined): number | undefined {
  return text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}

/** Converts network errors to transfer failures; returns any other error unchanged. */
export function answerFailure(error: unknown): unknown {
  if (error instanceof TransferFailure) return error;
  const code = errorCode(error);
  if (!(error instanceof Error) || code === undefined) return error;
  if (code === 'ERR_PROXY_INVALID_CONFIG') {
    return new TransferFailure('refused', `the proxy setting is wrong: ${error.message}`, {
      cause: error,
    });
  }
  if (CERTIFICATE_ERROR.test(code)) {
    const message = `the server's certificate is not trusted (${code})`;
    return new TransferFailure('refused', message, { cause: error });
  }
  const why = EXPLAINED[code] ?? error.message;
  return new TransferFailure('interrupted', why, { cause: error });
}

/** OpenSSL's verification errors, in Node's names. */
const CERTIFICATE_ERROR = /^(CERT_|UNABLE_TO_|SELF_SIGNED_|DEPTH_ZERO_|ERR_TLS_CERT_|HOSTNAME_)/;

const EXPLAINED: Readonly<Record<string, string>> = {
  EAI_AGAIN: 'the host name could not be looked up',
  ENOTFOUND: 'the host name is unknown',
  ECONNREFUSED: 'the connection was refused',
  ECONNRESET: 'the connection was cut',
  EPIPE: 'the connection was cut',
  EHOSTUNREACH: 'the host cannot be reached',
  ENETUNREACH: 'the network cannot be reached',
  ETIMEDOUT: 'the host did not answer',
};
