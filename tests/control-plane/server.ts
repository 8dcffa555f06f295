import { createHash, X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { createSecureServer, type Http2SecureServer, type ServerHttp2Session } from 'node:http2';
import { TLSSocket } from 'node:tls';
import { create } from '@bufbuild/protobuf';
import {
  type Code,
  ConnectError,
  createContextKey,
  createContextValues,
} from '@connectrpc/connect';
import { connectNodeAdapter } from '@connectrpc/connect-node';
import { RefusalReason, RefusalSchema } from '../../apps/proto/gen/quantix/v1/refusal_pb.js';
import type { Authority } from './authority.ts';

/** The identity of a caller. */
export interface Caller {
  /** The public key of its certificate, as DER. */
  readonly key: Uint8Array;
  /** Milliseconds since its certificate ended; 0 if it is valid. */
  readonly expiredFor: number;
}

/** Key of the caller in a call's context; `undefined` without a certificate that the CA signed. */
export const callerKey = createContextKey<Caller | undefined>(undefined);

type Routes = NonNullable<Parameters<typeof connectNodeAdapter>[0]>['routes'];

/** The port of a control plane: TLS with client certificates, HTTP/2, Connect. */
export class ApiServer {
  readonly #authority: Authority;
  readonly #routes: Routes;
  #server: Http2SecureServer | undefined;
  readonly #sessions = new Set<ServerHttp2Session>();
  #port = 0;
  /** Authorities whose client certificates it accepts, in PEM; read when it opens. */
  clientAuthorities = (): string[] => [this.#authority.pem];

  constructor(authority: Authority, routes: Routes) {
    this.#authority = authority;
    this.#routes = routes;
  }

  get origin(): string {
    return `https://127.0.0.1:${this.#port}`;
  }

  /** Opens the port; uses the same number as before, if any. */
  async open(certificate?: { key: string; cert: string }): Promise<void> {
    const server = createSecureServer(
      {
        ...(certificate ?? (await this.#authority.server())),
        ca: this.clientAuthorities(),
        requestCert: true,
        rejectUnauthorized: false,
      },
      connectNodeAdapter({
        routes: this.#routes,
        contextValues: (request) =>
          createContextValues().set(
            callerKey,
            'stream' in request && request.stream.session !== undefined
              ? callerOf(request.stream.session.socket)
              : undefined,
          ),
      }),
    );
    server.on('session', (session) => {
      this.#sessions.add(session);
      session.on('close', () => this.#sessions.delete(session));
    });
    server.listen(this.#port, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('no port');
    this.#port = address.port;
    this.#server = server;
  }

  /** Closes all connections, and continues to listen. */
  cut(): void {
    for (const session of this.#sessions) session.destroy();
  }

  /** Closes the server; then nothing listens on its port. */
  async close(): Promise<void> {
    const server = this.#server;
    if (server === undefined) return;
    this.#server = undefined;
    const closed = once(server, 'close');
    server.close();
    this.cut();
    await closed;
  }
}

/** Returns the id of the node with this key. Written from the text of `node_service.proto`. */
export function idOf(publicKey: Uint8Array): string {
  const hex = createHash('sha256').update(publicKey).digest('hex').slice(0, 32);
  const variant = ((Number.parseInt(hex[16] ?? '', 16) & 3) | 8).toString(16);
  return [
    hex.slice(0, 8),
    hex.slice(8, 12),
    `8${hex.slice(13, 16)}`,
    `${variant}${hex.slice(17, 20)}`,
    hex.slice(20),
  ].join('-');
}

/** Returns a refusal. @param retryAfterSeconds seconds after which the caller should retry */
export function refusal(
  code: Code,
  reason: RefusalReason,
  retryAfterSeconds: number = 0,
): ConnectError {
  const value = create(RefusalSchema, { reason, retryAfterSeconds });
  const detail = { desc: RefusalSchema, value };
  return new ConnectError(RefusalReason[reason] ?? `reason ${reason}`, code, undefined, [detail]);
}

function callerOf(socket: unknown): Caller | undefined {
  if (!(socket instanceof TLSSocket)) return undefined;
  const { authorizationError } = socket;
  const expired = String(authorizationError) === 'CERT_HAS_EXPIRED';
  if (!socket.authorized && !expired) return undefined;
  const certificate = new X509Certificate(socket.getPeerCertificate().raw);
  return {
    key: certificate.publicKey.export({ type: 'spki', format: 'der' }),
    expiredFor: expired ? Date.now() - certificate.validToDate.getTime() : 0,
  };
}
