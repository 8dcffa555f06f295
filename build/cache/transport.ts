import { Agent as HttpAgent, type IncomingMessage, request as requestHttp } from 'node:http';
import { Agent as HttpsAgent, request as requestHttps } from 'node:https';
import type { FindRoute, Route } from '../contract/route.ts';
import { openLocalFile } from './local-file.ts';
import { environmentRoute } from './proxy.ts';
import { answerFailure, bodyStart, redirectTarget } from './response.ts';
import { TransferFailure } from './transfer-failure.ts';

/** Redirects followed for one file. */
const MOST_REDIRECTS = 5;

/** Content of a file, from `start` on; each read ends in bytes or a `TransferFailure`. */
export interface Body {
  /** Position in the file of the first byte: what was asked for, or 0 if the server cannot start elsewhere. */
  readonly start: number;
  readonly bytes: AsyncIterable<Uint8Array>;
}

/** What is asked of an address. */
export interface BodyRequest {
  /** Position to start at, bytes. */
  readonly from: number;
  /** Bytes that the whole file must have, if anyone knows. */
  readonly size?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Reads files at `http:`, `https:` and `file:` addresses. Connections are kept and shared until it is disposed of. */
export class Transport implements Disposable {
  /** Origin of a server → the agents that reach it. */
  readonly #agents = new Map<string, Agents>();
  readonly #findRoute: FindRoute;
  readonly #stallAfter: number;

  constructor({ findRoute = environmentRoute(), stallAfter = 30_000 }: TransportOptions = {}) {
    this.#findRoute = findRoute;
    this.#stallAfter = stallAfter;
  }

  /**
   * Asks an address for a file.
   * @throws TransferFailure if it cannot be had there
   */
  async open(address: string, request: BodyRequest): Promise<Body> {
    if (!URL.canParse(address)) throw new TransferFailure('refused', 'the address is not a URL');
    const url = new URL(address);
    if (url.protocol === 'file:') return openLocalFile(url, request);
    if (url.protocol === 'http:' || url.protocol === 'https:') {
      return this.#openHttp(url, request);
    }
    throw new TransferFailure('refused', `addresses with ${url.protocol} cannot be read`);
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

  async #openHttp(first: URL, request: BodyRequest): Promise<Body> {
    const { from, signal } = request;
    let url = first;
    for (let hops = 0; hops <= MOST_REDIRECTS; hops += 1) {
      const range = from > 0 ? { range: `bytes=${from}-` } : {};
      const sent = { 'accept-encoding': 'identity', ...range };
      const { response, watch } = await this.#ask(url, sent, signal);
      const next = redirectTarget(response, url);
      if (next === undefined) {
        try {
          return { start: bodyStart(response, request), bytes: bodyOf(response, watch) };
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
    throw new TransferFailure('refused', `the server redirects more than ${MOST_REDIRECTS} times`);
  }

  #ask(url: URL, headers: Record<string, string>, signal?: AbortSignal): Promise<Answer> {
    const { promise, resolve, reject } = Promise.withResolvers<Answer>();
    const { http, https } = this.#agentsTo(url);
    const request =
      url.protocol === 'https:'
        ? requestHttps(url, { agent: https, headers, signal })
        : requestHttp(url, { agent: http, headers, signal });
    const watch = new StallWatch(this.#stallAfter, (failure) => request.destroy(failure));
    request.on('response', (response) => resolve({ response, watch }));
    request.on('error', (error) => {
      watch.stop();
      reject(answerFailure(error));
    });
    request.end();
    return promise;
  }
}

/** How a `Transport` is made. */
export interface TransportOptions {
  /** The way to each server; by default the proxies of the environment. */
  findRoute?: FindRoute | undefined;
  /** Milliseconds without a byte after which a connection is given up. */
  stallAfter?: number;
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

async function* bodyOf(response: IncomingMessage, watch: StallWatch): AsyncGenerator<Uint8Array> {
  try {
    for await (const chunk of response) {
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
