import { type IncomingMessage, request as plainRequest } from 'node:http';
import { request as secureRequest } from 'node:https';
import { messageOf } from '../../error.ts';
import { ControlPlaneError } from '../error.ts';

/** Milliseconds without a byte after which a connection is closed. */
const PATIENCE = 30_000;

/** A server's answer. */
export interface Fetched {
  /** Whether it is the requested part, rather than the whole file. */
  readonly isPart: boolean;
  readonly body: AsyncIterable<Uint8Array>;
  /** Ends the download. */
  close(): void;
}

/**
 * Requests a file from a server, starting at an offset. Redirects are not followed: updates come only from where the
 * operator has configured.
 * @returns undefined if the server does not have the file
 * @throws ControlPlaneError if the server does not answer, or answers otherwise
 */
export async function fetchFrom(
  address: string,
  { offset, signal }: { offset: number; signal: AbortSignal },
): Promise<Fetched | undefined> {
  const response = await ask(address, offset, signal);
  const { statusCode } = response;
  if (statusCode === 404) {
    response.destroy();
    return undefined;
  }
  if (statusCode !== 200 && statusCode !== 206) {
    response.destroy();
    throw new ControlPlaneError({
      what: `the update server answers ${statusCode}`,
      where: address,
      fix: 'updates.upstream in config.yaml names the root of its tree.',
    });
  }
  return { isPart: statusCode === 206, body: response, close: () => void response.destroy() };
}

async function ask(address: string, offset: number, signal: AbortSignal): Promise<IncomingMessage> {
  const request = new URL(address).protocol === 'https:' ? secureRequest : plainRequest;
  const headers = offset === 0 ? {} : { range: `bytes=${offset}-` };
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  const asked = request(address, { signal, headers, timeout: PATIENCE, agent: false }, resolve);
  asked.on('timeout', () => asked.destroy(new Error(`nothing came for ${PATIENCE / 1000} s`)));
  asked.on('error', reject);
  asked.end();
  try {
    return await promise;
  } catch (cause) {
    throw new ControlPlaneError({
      what: `the update server does not answer: ${messageOf(cause)}`,
      where: address,
      cause,
    });
  }
}
