import { Agent as HttpAgent, type IncomingMessage, request as requestHttp } from 'node:http';
import { Agent as HttpsAgent, request as requestHttps } from 'node:https';
import { proxyVariables } from '../process/environment.ts';
import { openLocalFile } from './local-file.ts';
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
  /** Sent to the first server, and along redirects as long as its origin stays the same. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Reads files at `http:`, `https:` and `file:` addresses. Connections are kept and shared until it is disposed of.
 * Proxies are those of the environment; see `proxyVariables`.
 */
export class Transport implements Disposable {
  readonly #http: HttpAgent;
  readonly #https: HttpsAgent;
  readonly #proxies: Readonly<Record<string, string>>;
  readonly #stallAfter: number;

  /** @param stallAfter milliseconds without a byte after which a connection is given up */
  constructor({ env = process.env, stallAfter = 30_000 }: TransportOptions = {}) {
    this.#proxies = proxyVariables(env);
    const options = { keepAlive: true, proxyEnv: this.#proxies };
    this.#http = new HttpAgent(options);
    this.#https = new HttpsAgent(options);
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
      this.#refuseUnusableProxy(url.protocol);
      return this.#openHttp(url, request);
    }
    throw new TransferFailure('refused', `addresses with ${url.protocol} cannot be read`);
  }

  [Symbol.dispose](): void {
    this.#http.destroy();
    this.#https.destroy();
  }

  /** Node passes over a proxy of another kind, and would connect directly. */
  #refuseUnusableProxy(protocol: 'http:' | 'https:'): void {
    const variable = `${protocol.slice(0, -1)}_proxy`;
    const proxy = this.#proxies[variable];
    if (proxy === undefined || /^https?:/i.test(proxy)) return;
    const kind = proxy.slice(0, proxy.indexOf(':'));
    throw new TransferFailure('refused', `${variable} names a ${kind} proxy, not one for http`);
  }

  async #openHttp(first: URL, request: BodyRequest): Promise<Body> {
    const { from, headers, signal } = request;
    let url = first;
    for (let hops = 0; hops <= MOST_REDIRECTS; hops += 1) {
      const own = url.origin === first.origin ? headers : {};
      const range = from > 0 ? { range: `bytes=${from}-` } : {};
      const sent = { 'accept-encoding': 'identity', ...own, ...range };
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
    const request =
      url.protocol === 'https:'
        ? requestHttps(url, { agent: this.#https, headers, signal })
        : requestHttp(url, { agent: this.#http, headers, signal });
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
  env?: NodeJS.ProcessEnv;
  stallAfter?: number;
}

interface Answer {
  response: IncomingMessage;
  watch: StallWatch;
}

/** Ends a connection on which nothing moves. */
class StallWatch {
  readonly #timer: NodeJS.Timeout;

  constructor(after: number, end: (failure: TransferFailure) => void) {
    this.#timer = setTimeout(() => {
      end(new TransferFailure('interrupted', `nothing arrived for ${after / 1000} s`));
    }, after);
  }

  moved(): void {
    this.#timer.refresh();
  }

  stop(): void {
    clearTimeout(this.#timer);
  }
}

async function* bodyOf(response: IncomingMessage, watch: StallWatch): AsyncGenerator<Uint8Array> {
  try {
    for await (const chunk of response) {
      watch.moved();
      yield chunk;
    }
  } catch (error) {
    throw answerFailure(error);
  } finally {
    watch.stop();
    response.destroy();
  }
}
