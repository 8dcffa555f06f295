import type { FindRoute } from '../contract/route.ts';
import type { HttpTransport } from './http-transport.ts';
import { openLocalFile } from './local-file.ts';
import { makeEnvironmentRoute } from './proxy.ts';
import type { Body, BodyRequest, Sending, ServerLimits } from './transfer.ts';
import { TransferFailure } from './transfer-failure.ts';

/** Mirrors send files unchanged; some redirect to another server. */
const MIRRORS: ServerLimits = { redirects: 5, encoding: 'identity' };

/**
 * Reads files from `http:`, `https:` and `file:` addresses. Connections are shared until the transport is disposed of.
 */
export class Transport implements Disposable {
  readonly #findRoute: FindRoute;
  readonly #stallAfter: number;
  readonly #limits: ServerLimits;
  #http: HttpTransport | undefined;

  constructor({
    findRoute = makeEnvironmentRoute(),
    stallAfter = 30_000,
    limits = MIRRORS,
  }: TransportOptions = {}) {
    this.#findRoute = findRoute;
    this.#stallAfter = stallAfter;
    this.#limits = limits;
  }

  /**
   * Requests a file.
   * @throws TransferFailure if this address does not provide it
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

  /**
   * Asks whether an `http:` or `https:` address has a file (HEAD), or uploads one (PUT).
   * @throws TransferFailure if the answer is not a success: `gone` if there is no such file
   */
  async send(url: URL, sending: Sending): Promise<void> {
    await (await this.#loadHttp()).send(url, sending);
  }

  /** Bytes of files received from servers, as transferred over the network. */
  get received(): number {
    return this.#http?.received ?? 0;
  }

  /** Loaded on use: Node's HTTP modules take longer to load than most work without network. */
  async #loadHttp(): Promise<HttpTransport> {
    const { HttpTransport } = await import('./http-transport.ts');
    this.#http ??= new HttpTransport({
      findRoute: this.#findRoute,
      stallAfter: this.#stallAfter,
      limits: this.#limits,
    });
    return this.#http;
  }

  [Symbol.dispose](): void {
    this.#http?.[Symbol.dispose]();
  }
}

/** Options of a `Transport`. */
export interface TransportOptions {
  /** Route to each server; by default the proxies of the environment. */
  findRoute?: FindRoute | undefined;
  /** Milliseconds without data after which a connection is closed. */
  stallAfter?: number;
  /** What servers may do; the rules for mirrors if absent. */
  limits?: ServerLimits | undefined;
}
