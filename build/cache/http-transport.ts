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
import { answerFailure, checkStatus, determineBodyStart, redirectTarget } from './response.ts';
import type { Body, BodyRequest, Sending, ServerLimits } from './transfer.ts';
import { TransferFailure } from './transfer-failure.ts';

/** Options of an `HttpTransport`. */
export interface HttpOptions {
  /** Route to each server. */
  readonly findRoute: FindRoute;
  /** Milliseconds without data after which a connection is closed. */
  readonly stallAfter: number;
  readonly limits: ServerLimits;
}

/**
 * Reads files from `http:` and `https:` addresses. Connections are kept alive and shared until the transport is
 * disposed of.
 */
export class HttpTransport implements Disposable {
  /** Origin of a server → agents for connections to it. */
  readonly #agents = new Map<string, Agents>();
  readonly #findRoute: FindRoute;
  readonly #stallAfter: number;
  readonly #limits: ServerLimits;
  /** Bytes received for files, as transferred over the network. */
  received = 0;

  constructor({ findRoute, stallAfter, limits }: HttpOptions) {
    this.#findRoute = findRoute;
    this.#stallAfter = stallAfter;
    this.#limits = limits;
  }

  /**
   * Requests a file.
   * @throws TransferFailure if this address does not provide it
   */
  async open(first: URL, request: BodyRequest): Promise<Body> {
    const { from, signal } = request;
    const { redirects, encoding } = this.#limits;
    let url = first;
    for (let hops = 0; hops <= redirects; hops += 1) {
      // A request for a range accepts no compression, because its positions refer to the file itself.
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
   * Asks whether an address has a file (HEAD), or uploads one (PUT); redirects are not followed.
   * @throws TransferFailure if the answer is not a success
   */
  async send(url: URL, sending: Sending): Promise<void> {
    const { request, response, watch } = await this.#ask(url, sending);
    response.on('error', () => undefined);
    // A server that answers before it has received everything does not want the rest.
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
    // With an encoding, the server's length is that of the encoded data.
    const size = encoded ? undefined : request.size;
    const start = determineBodyStart(response, { ...request, size });
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
        // A server may close an idle connection just when it is used again; the next attempt uses a new connection.
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

/** Error for an idle connection that the server closed before it answered. */
class StaleConnection extends TransferFailure {}

function isCut(error: unknown): boolean {
  return ['ECONNRESET', 'EPIPE'].includes(errorCode(error) ?? '');
}

interface Agents {
  http: HttpAgent;
  https: HttpsAgent;
}

/** @throws TransferFailure if the proxy is of an unsupported kind: Node would ignore it and connect directly */
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

/** Closes a connection on which nothing is transferred for some time; `stop` turns the watch off. */
class StallWatch {
  readonly #after: number;
  readonly #end: (failure: TransferFailure) => void;
  #timer: NodeJS.Timeout | undefined;

  /** @param after time in milliseconds */
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

/** Passes on the data to send; each piece restarts the timer. */
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
    // After everything has been sent, the timer also covers the wait for the answer.
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
      // The timer does not run while the reader works: a slow disk is not a stalled connection.
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
  // The decoder throws the same error.
  piping.catch(() => undefined);
  try {
    yield* decoder;
  } catch (error) {
    throw /^(Z_|ZSTD_)/.test(errorCode(error) ?? '')
      ? new TransferFailure('altered', 'its answer is not zstd, or is truncated', { cause: error })
      : error;
  }
}
