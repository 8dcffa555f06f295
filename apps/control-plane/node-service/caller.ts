import type { Http2Session } from 'node:http2';
import { TLSSocket } from 'node:tls';
import { createContextKey } from '@connectrpc/connect';
import type { Authority, Identity } from '../trust/authority.ts';

/** Who calls. */
export interface Caller {
  /** The other end of the connection. */
  readonly address: string;
  /** `undefined` without a certificate that the authority signed for a node. */
  readonly identity: Identity | undefined;
}

/** Who makes a call. */
export const callerKey = createContextKey<Caller>({ address: '', identity: undefined });

/**
 * Tells who is at the other end of a connection. TLS has proven that it holds the key of its certificate; who signed it is
 * looked at here, and time at each call.
 */
export function callerOf(session: Http2Session, authority: Authority): Caller {
  const { socket } = session;
  const address = socket.remoteAddress ?? '';
  const certificate = socket instanceof TLSSocket ? socket.getPeerX509Certificate() : undefined;
  if (certificate === undefined) return { address, identity: undefined };
  try {
    return { address, identity: authority.identify(certificate.raw) };
  } catch {
    // Whatever OpenSSL takes for a certificate and cannot read: none of ours.
    return { address, identity: undefined };
  }
}
