import type { Http2Session } from 'node:http2';
import { TLSSocket } from 'node:tls';
import { createContextKey } from '@connectrpc/connect';
import type { Authority, Identity } from '../trust/authority.ts';

/** The caller of a request. */
export interface Caller {
  /** Address of the other end of the connection. */
  readonly address: string;
  /** Address of this machine to which the caller is connected. */
  readonly over: string;
  /** `undefined` without a certificate that the authority has signed for a node. */
  readonly identity: Identity | undefined;
}

/** Context key of the caller. */
export const callerKey = createContextKey<Caller>({ address: '', over: '', identity: undefined });

/**
 * Identifies the other end of a connection. TLS has proven that it holds the key of its certificate. The signature of
 * the certificate is checked here, and its validity period with each call.
 */
export function identifyCaller(session: Http2Session, authority: Authority): Caller {
  const { socket } = session;
  const address = socket.remoteAddress ?? '';
  // A socket for both families writes IPv4 addresses as mapped ones.
  const over = (socket.localAddress ?? '').replace(/^::ffff:(?=[\d.]+$)/, '');
  const certificate = socket instanceof TLSSocket ? socket.getPeerX509Certificate() : undefined;
  if (certificate === undefined) return { address, over, identity: undefined };
  try {
    return { address, over, identity: authority.identify(certificate.raw) };
  } catch {
    // OpenSSL accepted a certificate that cannot be parsed: the authority did not sign it.
    return { address, over, identity: undefined };
  }
}
