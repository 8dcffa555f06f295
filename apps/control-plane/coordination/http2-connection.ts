import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  type OutgoingHttpHeaders,
} from 'node:http2';
import type { GrpcTransportOptions } from '@connectrpc/connect-node';

/**
 * An HTTP/2 connection that is made when it is first needed, and anew after it broke. Connect's own manager leaves a
 * connection alone while it changes its state; an error of the protocol at such a moment ends the program.
 */
export class Http2Connection implements NonNullable<GrpcTransportOptions['sessionManager']> {
  readonly authority: string;
  #session: Promise<ClientHttp2Session> | undefined;
  /** All that are not closed yet: streams of one that is to be used no more go on. */
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

  /** Calls have deadlines: a connection that is dead needs no other sign. */
  notifyResponseByteRead(): void {}

  /** Ends it, and what is under way on it. The next request makes a new one. */
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
