import { subscribe } from 'node:diagnostics_channel';
import type { ClientHttp2Stream } from 'node:http2';
import { checkServerIdentity, type PeerCertificate } from 'node:tls';
import { type Client, createClient } from '@connectrpc/connect';
import { createConnectTransport, Http2SessionManager } from '@connectrpc/connect-node';
import { NodeService } from '../../../proto/gen/quantix/v1/node_service_pb.js';
import { serverName } from '../../../proto/names.ts';
import { parseCertificates } from '../identity/chain.ts';
import type { Credentials } from '../identity/credentials.ts';
import { sha256 } from '../identity/pin.ts';

/** A way to the control plane. It connects when it is first used, and again after it broke. */
export interface Connection {
  readonly client: Client<typeof NodeService>;
  /** Ends the connection and what is under way on it; the next call makes a new one. */
  drop(): void;
}

export interface Peer {
  /** `https://host:port`. */
  readonly origin: string;
  /** PEM: the only CAs that are trusted. */
  readonly caCertificates: string;
  /** What to show; only Register goes without. */
  readonly credentials?: Credentials | undefined;
}

/** Milliseconds for a call, including connecting. */
const DEADLINE = 10_000;
/** Milliseconds of silence after which a connection is asked whether it lives, and for how long. */
const PING = { pingIntervalMs: 20_000, pingTimeoutMs: 4000 };
/** Bytes; the largest answer has a list of pools. */
const LARGEST_ANSWER = 4 * 1024 * 1024;

/**
 * The library lets go of a session before Node has told its last error, as when the server ends politely (connect-es
 * #1768); that error would end the agent. Whoever waits for an answer hears of it all the same.
 */
const heard = new WeakSet<object>();
subscribe('http2.client.stream.created', (message) => {
  if (!isCreated(message)) return;
  const { session } = message.stream;
  if (session === undefined || heard.has(session)) return;
  heard.add(session);
  session.on('error', () => undefined);
});

function isCreated(message: unknown): message is { stream: ClientHttp2Stream } {
  return typeof message === 'object' && message !== null && 'stream' in message;
}

/** Connect over HTTP/2 and TLS 1.3, with a deadline on each call. */
export function openConnection({ origin, caCertificates, credentials }: Peer): Connection {
  const names = serverNames(caCertificates, origin);
  const sessionManager = new Http2SessionManager(origin, PING, {
    ca: caCertificates,
    // Of all that the roots allow, the server chooses its certificate by the first; any of them will do.
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

/** By which names the servers of these roots are known; addresses do not matter. */
function serverNames(caCertificates: string, where: string): string[] {
  return parseCertificates(caCertificates, where).map((root) => serverName(sha256(root)));
}

function checkName(names: readonly string[], certificate: PeerCertificate): Error | undefined {
  const [first, ...others] = names.map((name) => checkServerIdentity(name, certificate));
  return others.includes(undefined) ? undefined : first;
}
