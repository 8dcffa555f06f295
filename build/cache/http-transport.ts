import {
  type ClientRequest,
  Agent as HttpAgent,
  type IncomingMessage,
  request as requestHttp,
} from 'node:http';
import { Agent as HttpsAgent, request as requestHttps } from 'node:https';
import { pipeline } from 'node:stream/promises';
import { createZstdDecompress } from 'node:zlib';
import type { FindRoute, Route } from '../contract/route.ts';
import { errorCode } from '../process/errno.ts';
import { answerFailure, bodyStart, checkStatus, redirectTarget } from './response.ts';
import type { Body, BodyRequest, Sending, ServerManners } from './transfer.ts';
import { TransferFailure } from './transfer-failure.ts';

/** How an `HttpTransport` is made. */
export interface HttpOptions {
  /** The way to each server. */
  readonly findRoute: FindRoute;
  /** Milliseconds without a byte after which a connection is given up. */
  readonly stallAfter: number;
  readonly manners: ServerManners;
}

/** Reads files at `http:` and `https:` addresses. Connections are kept and shared until it is disposed of. */
export class HttpTransport implements Disposable {
  /** Origin of a server → the agents that reach it. */
  readonly #agents = new Map<string, Agents>();
  readonly #findRoute: FindRoute;
  readonly #stallAfter: number;
  readonly #manners: ServerManners;
  /** Bytes of files that have arrived, as they came over the network. */
  received = 0;

  constructor({ findRoute, stallAfter, manners }: HttpOptions) {
    this.#findRoute = findRoute;
    this.#stallAfter = stallAfter;
    this.#manners = manners;
  }

  /**
   * Asks an address for a file.
   * @throws TransferFailure if it cannot be had there
   */
  async open(first: URL, request: BodyRequest): Promise<Body> {
    const { from, signal } = request;
    const { redirects, encoding } = this.#manners;
    let url = first;
    for (let hops = 0; hops <= redirects; hops += 1) {
      // Positions are those of the file as it is.
      const headers: Record<string, string> =
        from > 0
          ? { 'accept-encoding': 'identity', range: `bytes=${from}-` }
          : { 'accept-encoding': encoding };
      const { response, watch } = await this.#ask(url, { method: 'GET', headers, signal });
      const next = redirectTarget(response, url);
      if (next === undefined) {
        try {
          return this.#body(response, watch, request);
        } catch (error) {
          watch.stop();
          response.destroy();
          throw error;
        }
      }
      watch.stop();
      response.resume();
      url = next;
    }
    const often = redirects === 0 ? '' : ` more than ${redirects} times`;
    throw new TransferFailure('refused', `the server redirects${often}`);
  }

  /**
   * Asks whether an address has a file (HEAD), or gives it one (PUT); redirects are not followed.
   * @throws TransferFailure if the answer is none of success
   */
  async send(url: URL, sending: Sending): Promise<void> {
    const { request, response, watch } = await this.#ask(url, sending);
    response.on('error', () => undefined);
    // Who answers before it has all of it wants no more of it.
    if (request.writableFinished) response.resume();
    else request.destroy();
    watch.stop();
    checkStatus(response);
  }

  [Symbol.dispose](): void {
    for (const { http, https } of this.#agents.values()) {
      http.destroy();
      https.destroy();
    }
  }

  /** @throws TransferFailure if the proxy cannot be used */
  #agentsTo(url: URL): Agents {
    const known = this.#agents.get(url.origin);
    if (known !== undefined) return known;
    try {
      const made = makeAgents(this.#findRoute(url));
      this.#agents.set(url.origin, made);
      return made;
    } catch (error) {
      throw answerFailure(error);
    }
  }

  #body(response: IncomingMessage, watch: StallWatch, request: BodyRequest): Body {
    const encoded = response.headers['content-encoding'] === 'zstd';
    // What a server says of the length is that of what it sends.
    const size = encoded ? undefined : request.size;
    const start = bodyStart(response, { ...request, size });
    const arriving = bodyOf(response, watch, (bytes) => {
      this.received += bytes;
    });
    return { start, encoded, bytes: encoded ? decompress(arriving) : arriving };
  }

  async #ask(url: URL, sending: Sending): Promise<Answer> {
    for (;;) {
      try {
        return await this.#askOnce(url, sending);
      } catch (error) {
        // A server may close a kept connection at the moment at which it is used again. It is not kept any more then.
        if (!(error instanceof StaleConnection)) throw error;
      }
    }
  }

  #askOnce(url: URL, { method, headers, body, signal }: Sending): Promise<Answer> {
    const { promise, resolve, reject } = Promise.withResolvers<Answer>();
    const { http, https } = this.#agentsTo(url);
    const options = { method, headers, signal };
    const request =
      url.protocol === 'https:'
        ? requestHttps(url, { ...options, agent: https })
        : requestHttp(url, { ...options, agent: http });
    const watch = new StallWatch(this.#stallAfter, (failure) => request.destroy(failure));
    const fail = (error: unknown) => {
      watch.stop();
      const isStale = request.reusedSocket && isCut(error);
      reject(
        isStale
          ? new StaleConnection('interrupted', 'the connection was cut')
          : answerFailure(error),
      );
    };
    request.on('response', (response) => resolve({ request, response, watch }));
    request.on('error', fail);
    if (body === undefined) request.end();
    else void pipeline(watched(body(), watch), request).catch(fail);
    return promise;
  }
}

/** A connection that was kept from an earlier request was cut before there was an answer. */
class StaleConnection extends TransferFailure {}

function isCut(error: unknown): boolean {
  return ['ECONNRESET', 'EPIPE'].includes(errorCode(error) ?? '');
}

interface Agents {
  http: HttpAgent;
  https: HttpsAgent;
}

/** @throws TransferFailure if the proxy is of another kind: Node would pass over it and connect directly */
function makeAgents({ proxy, authorities, certificate }: Route): Agents {
  const [, kind] = /^([^:]*):/.exec(proxy ?? '') ?? [];
  if (kind !== undefined && !/^https?$/i.test(kind)) {
    throw new TransferFailure('refused', `the proxy is a ${kind} proxy, not one for http`);
  }
  const proxies = proxy === undefined ? {} : { http_proxy: proxy, https_proxy: proxy };
  const options = { keepAlive: true, proxyEnv: proxies };
  return {
    http: new HttpAgent(options),
    https: new HttpsAgent({
      ...options,
      ...(authorities && { ca: [...authorities] }),
      ...(certificate && { cert: certificate.certificate, key: certificate.key }),
    }),
  };
}

interface Answer {
  request: ClientRequest;
  response: IncomingMessage;
  watch: StallWatch;
}

/** Ends a connection on which nothing moves for a time, from its making until it is stopped. */
class StallWatch {
  readonly #after: number;
  readonly #end: (failure: TransferFailure) => void;
  #timer: NodeJS.Timeout | undefined;

  /** @param after milliseconds */
  constructor(after: number, end: (failure: TransferFailure) => void) {
    this.#after = after;
    this.#end = end;
    this.start();
  }

  start(): void {
    this.#timer = setTimeout(() => {
      this.#end(new TransferFailure('interrupted', `nothing arrived for ${this.#after / 1000} s`));
    }, this.#after);
  }

  stop(): void {
    clearTimeout(this.#timer);
  }
}

/** What is sent: each piece counts as a sign of life. */
async function* watched(
  body: AsyncIterable<Uint8Array>,
  watch: StallWatch,
): AsyncGenerator<Uint8Array> {
  let sent = false;
  try {
    for await (const chunk of body) {
      watch.stop();
      watch.start();
      yield chunk;
    }
    sent = true;
  } finally {
    // Of what was sent whole, the answer is still to come.
    if (!sent) watch.stop();
  }
}

async function* bodyOf(
  response: IncomingMessage,
  watch: StallWatch,
  onBytes: (bytes: number) => void,
): AsyncGenerator<Uint8Array> {
  try {
    for await (const chunk of response) {
      onBytes(chunk.length);
      // While the reader works, a disk that is slow is no fault of the connection.
      watch.stop();
      yield chunk;
      watch.start();
    }
  } catch (error) {
    throw answerFailure(error);
  } finally {
    watch.stop();
    response.destroy();
  }
}

/** Decompresses zstd (RFC 8878) as it arrives. */
async function* decompress(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const decoder = createZstdDecompress();
  const piping = pipeline(bytes, decoder);
  // The decoder throws what has ended it.
  piping.catch(() => undefined);
  try {
    yield* decoder;
  } catch (error) {
    throw /^(Z_|ZSTD_)/.test(errorCode(error) ?? '')
      ? new TransferFailure('altered', 'what it sends is no zstd, or half of it', { cause: error })
      : error;
  }
}
