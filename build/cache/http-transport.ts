import { Agent as HttpAgent, type IncomingMessage, request as requestHttp } from 'node:http';
import { Agent as HttpsAgent, request as requestHttps } from 'node:https';
import type { FindRoute, Route } from '../contract/route.ts';
import { answerFailure, bodyStart, redirectTarget } from './response.ts';
import { TransferFailure } from './transfer-failure.ts';
import type { Body, BodyRequest } from './transport.ts';

/** Redirects followed for one file. */
const MOST_REDIRECTS = 5;

/** How an `HttpTransport` is made. */
export interface HttpOptions {
  /** The way to each server. */
  readonly findRoute: FindRoute;
  /** Milliseconds without a byte after which a connection is given up. */
  readonly stallAfter: number;
}

/** Reads files at `http:` and `https:` addresses. Connections are kept and shared until it is disposed of. */
export class HttpTransport implements Disposable {
  /** Origin of a server → the agents that reach it. */
  readonly #agents = new Map<string, Agents>();
  readonly #findRoute: FindRoute;
  readonly #stallAfter: number;

  constructor({ findRoute, stallAfter }: HttpOptions) {
    this.#findRoute = findRoute;
    this.#stallAfter = stallAfter;
  }

  /**
   * Asks an address for a file.
   * @throws TransferFailure if it cannot be had there
   */
  async open(first: URL, request: BodyRequest): Promise<Body> {
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
