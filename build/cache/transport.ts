import type { FindRoute } from '../contract/route.ts';
import type { HttpTransport } from './http-transport.ts';
import { openLocalFile } from './local-file.ts';
import { environmentRoute } from './proxy.ts';
import { TransferFailure } from './transfer-failure.ts';

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
  readonly #findRoute: FindRoute;
  readonly #stallAfter: number;
  #http: HttpTransport | undefined;

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
      return (await this.#loadHttp()).open(url, request);
    }
    throw new TransferFailure('refused', `addresses with ${url.protocol} cannot be read`);
  }

  /** Node's modules for HTTP take longer to load than most work that needs no network. */
  async #loadHttp(): Promise<HttpTransport> {
    const { HttpTransport } = await import('./http-transport.ts');
    this.#http ??= new HttpTransport({ findRoute: this.#findRoute, stallAfter: this.#stallAfter });
    return this.#http;
  }

  [Symbol.dispose](): void {
    this.#http?.[Symbol.dispose]();
  }
}

/** How a `Transport` is made. */
export interface TransportOptions {
  /** The way to each server; by default the proxies of the environment. */
  findRoute?: FindRoute | undefined;
  /** Milliseconds without a byte after which a connection is given up. */
  stallAfter?: number;
}
