import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  type OutgoingHttpHeaders,
} from 'node:http2';
import type { GrpcTransportOptions } from '@connectrpc/connect-node';

/**
 * An HTTP/2 connection that is made on demand, and again after a failure. Connect's own session manager does not handle
 * errors of a connection while it changes its state; a protocol error at such a moment ends the program.
 */
export class Http2Connection implements NonNullable<GrpcTransportOptions['sessionManager']> {
  readonly authority: string;
  #session: Promise<ClientHttp2Session> | undefined;
  /** All connections that are not closed yet: streams of a replaced connection continue. */
  readonly #open = new Set<ClientHttp2Session>();

  /** @param address `http://host:port` */
  constructor(address: string) {
    this.authority = new URL(address).origin;
  }

  async request(
    method: string,
    path: string,
    headers: OutgoingHttpHeaders,
  ): Promise<ClientHttp2Stream> {
    this.#session ??= this.#connect();
    const session = await this.#session;
    return session.request({ ...headers, ':method': method, ':path': path });
  }

  /** Does nothing: calls have deadlines, which detect a dead connection. */
  notifyResponseByteRead(): void {}

  /** Closes the connections and cancels their streams. The next request makes a new one. */
  drop(): void {
    this.#session = undefined;
    for (const session of this.#open) session.destroy();
  }

  #connect(): Promise<ClientHttp2Session> {
    const { promise, resolve, reject } = Promise.withResolvers<ClientHttp2Session>();
    const session = connect(this.authority);
    const leave = () => {
      if (this.#session === promise) this.#session = undefined;
    };
    this.#open.add(session);
    session.once('connect', () => resolve(session));
    session.once('goaway', leave);
    session.on('error', (error) => {
      leave();
      reject(error);
    });
    session.once('close', () => {
      this.#open.delete(session);
      leave();
      reject(new Error('the connection was closed'));
    });
    return promise;
  }
}
