import { subscribe } from 'node:diagnostics_channel';
import type { ClientHttp2Stream } from 'node:http2';
import { checkServerIdentity, type PeerCertificate } from 'node:tls';
import { type Client, createClient } from '@connectrpc/connect';
import { createConnectTransport, Http2SessionManager } from '@connectrpc/connect-node';
import { NodeService } from '../../../proto/gen/quantix/v1/node_service_pb.js';
import { deriveServerName } from '../../../proto/names.ts';
import { parseCertificates } from '../identity/chain.ts';
import type { Credentials } from '../identity/credentials.ts';
import { computeFingerprint } from '../identity/pin.ts';

/** A connection to the control plane. It is opened at the first call, and reopened after a failure. */
export interface Connection {
  readonly client: Client<typeof NodeService>;
  /** Ends the connection and its running calls; the next call opens a new one. */
  drop(): void;
}

export interface Peer {
  /** `https://host:port`. */
  readonly origin: string;
  /** The only trusted CAs, in PEM. */
  readonly caCertificates: string;
  /** The client's certificate and key; absent only for Register. */
  readonly credentials?: Credentials | undefined;
}

/** Milliseconds for a call, including connecting. */
const DEADLINE = 10_000;
/** Milliseconds of silence after which a connection is pinged, and milliseconds to wait for the answer to a ping. */
const PING = { pingIntervalMs: 20_000, pingTimeoutMs: 4000 };
/** Largest accepted answer, in bytes; the largest answers contain a list of pools. */
const LARGEST_ANSWER = 4 * 1024 * 1024;

/**
 * Sessions with an error handler. The library removes its handler before Node emits the last error of a session, for
 * example when the server closes it (connect-es #1768); without another handler, that error ends the agent. Callers
 * still get the error of their calls.
 */
const handled = new WeakSet<object>();
subscribe('http2.client.stream.created', (message) => {
  if (!isCreated(message)) return;
  const { session } = message.stream;
  if (session === undefined || handled.has(session)) return;
  handled.add(session);
  session.on('error', () => undefined);
});

function isCreated(message: unknown): message is { stream: ClientHttp2Stream } {
  return typeof message === 'object' && message !== null && 'stream' in message;
}

/** Opens a Connect transport over HTTP/2 and TLS 1.3, with a deadline for each call. */
export function openConnection({ origin, caCertificates, credentials }: Peer): Connection {
  const names = serverNames(caCertificates, origin);
  const sessionManager = new Http2SessionManager(origin, PING, {
    ca: caCertificates,
    // The server selects its certificate by this name; a certificate for any of the names is accepted.
    servername: names[0] ?? '',
    checkServerIdentity: (_, certificate) => checkName(names, certificate),
    minVersion: 'TLSv1.3',
    ...(credentials === undefined
      ? {}
      : {
          cert: credentials.certificateChain,
          key: credentials.key.privateKey.export({ type: 'pkcs8', format: 'pem' }),
        }),
  });
  const transport = createConnectTransport({
    httpVersion: '2',
    baseUrl: origin,
    sessionManager,
    defaultTimeoutMs: DEADLINE,
    readMaxBytes: LARGEST_ANSWER,
    acceptCompression: [],
  });
  return {
    client: createClient(NodeService, transport),
    drop: () => sessionManager.abort(new Error('the connection was dropped')),
  };
}

/**
 * Returns the names in the certificates of servers with these roots. A server is identified by its name, not by its
 * address.
 */
function serverNames(caCertificates: string, where: string): string[] {
  return parseCertificates(caCertificates, where).map((root) =>
    deriveServerName(computeFingerprint(root)),
  );
}

function checkName(names: readonly string[], certificate: PeerCertificate): Error | undefined {
  const [first, ...others] = names.map((name) => checkServerIdentity(name, certificate));
  return others.includes(undefined) ? undefined : first;
}
