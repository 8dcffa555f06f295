import type { RequestListener, Server } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { messageOf } from '../../error.ts';
import type { Logger } from '../../log/logger.ts';
import { getErrorCode } from '../../process/code-of.ts';
import { systemClock } from '../../watch/clock.ts';
import { ACME_PROTOCOL } from '../acme/obtain.ts';
import type { Database } from '../database/database.ts';
import { removeOldRequests } from '../database/repositories/idempotent-requests.ts';
import { removeOldSessions } from '../database/repositories/sessions.ts';
import type { EventFeed } from '../events/feed.ts';
import type { HealthFacts } from '../health/routes.ts';
import { determineNetwork, Shares } from '../node-service/allowance.ts';
import { ThrottledLog } from '../node-service/throttled-log.ts';
import type { Authority, ServerCertificate } from '../trust/authority.ts';
import type { PeopleCertificate } from './certificate.ts';
import { type OpenPort, openPort, type PeopleAddress } from './port.ts';
import { createPeopleRoutes } from './routes.ts';
import { createPeopleServer } from './server.ts';

/** Time limits in milliseconds: TLS handshake, head of a request, whole request, idle connection. */
const WITHIN = { tls: 10_000, head: 10_000, request: 30_000, idle: 60_000 };

/** Maximum number of concurrent connections: in all, and per network. */
const CONNECTIONS = { all: 2048, each: 1024 };

/** Milliseconds between two checks of the certificate and of outdated records. */
const LOOK_EVERY = 60_000;

export interface ServePeopleOptions {
  readonly database: Database;
  readonly authority: Authority;
  /** Its certificate. */
  readonly certificate: PeopleCertificate;
  readonly people: PeopleAddress;
  /** Its port, if it is already open. */
  readonly port?: OpenPort | undefined;
  /** The events, for subscribers. */
  readonly events: Pick<EventFeed, 'listen'>;
  /** Collects facts about health. */
  readonly health: () => Promise<HealthFacts>;
  readonly now?: () => Date;
  readonly log: Logger;
  readonly signal: AbortSignal;
  /** Time limits in milliseconds that replace the default ones. */
  readonly within?: Partial<typeof WITHIN>;
}

/** The server for people. */
export interface PeopleServer {
  /** The port that it listens on. */
  readonly port: number;
  /** SHA-256 of its present certificate, in hexadecimal. */
  readonly fingerprint: string;
  /** Resolves after the signal is aborted and the server has stopped. */
  readonly ended: Promise<void>;
}

/**
 * Serves the API for people: HTTPS with TLS 1.2 and 1.3, always with the present certificate.
 * @throws ControlPlaneError if it cannot listen
 */
export async function servePeople(options: ServePeopleOptions): Promise<PeopleServer> {
  const { database, authority, certificate, log, signal, now = () => new Date() } = options;
  const within = { ...WITHIN, ...options.within };
  const throttled = new ThrottledLog(log);
  let server: ReturnType<typeof createServer> | undefined;
  let present = await certificate.look();
  certificate.onChange((changed) => {
    present = changed;
    server?.setSecureContext(tlsOptions(changed));
  });
  const places = new Shares(CONNECTIONS);
  const serverOf = (listener: RequestListener): Server => {
    const made = createServer(
      {
        ...tlsOptions(present),
        handshakeTimeout: within.tls,
        headersTimeout: within.head,
        requestTimeout: within.request,
        keepAliveTimeout: within.idle,
        connectionsCheckingInterval: Math.min(5000, within.head),
        ALPNCallback(this: TLSSocket, { servername, protocols }) {
          if (!protocols.includes(ACME_PROTOCOL)) {
            return protocols.find((one) => one === 'http/1.1');
          }
          const challenge = certificate.challengeOf(servername);
          if (challenge === undefined) return undefined;
          this.setKeyCert(challenge);
          return ACME_PROTOCOL;
        },
      },
      listener,
    );
    server = made;
    made.on('connection', (socket: Socket) => {
      const taken = places.take(determineNetwork(socket.remoteAddress ?? ''));
      if (typeof taken === 'string') return void socket.destroy();
      socket.once('close', taken);
    });
    made.on('secureConnection', (socket) => {
      // The authority needs only the certificate (RFC 8737, 3).
      if (socket.alpnProtocol === ACME_PROTOCOL) socket.end();
    });
    made.on('tlsClientError', (error, socket: TLSSocket) => {
      const code = getErrorCode(error) ?? messageOf(error);
      if (code !== 'ECONNRESET')
        throttled.warn(socket.remoteAddress ?? 'a caller', code, `TLS failed: ${code}`);
    });
    return made;
  };
  const app = await createPeopleServer({
    ...{
      database,
      routes: createPeopleRoutes({ ...options, fingerprint: authority.fingerprint, now }),
      now,
      serverOf,
    },
    onBug: (error) =>
      log.error(error instanceof Error ? (error.stack ?? error.message) : String(error)),
    onRefused: (address, problem) => throttled.warn(address, problem, problem),
  });
  const { promise: listening, resolve } = Promise.withResolvers<void>();
  app.server.listen(options.port ?? (await openPort(options.people)), resolve);
  await listening;
  const { port } = app.server.address() as AddressInfo;
  log.info(`people are served on port ${port}`);

  const look = async () => {
    await certificate.look();
    await certificate.renew();
    await removeOldSessions(database.db, now());
    await removeOldRequests(database.db, now());
  };
  const work = async () => {
    try {
      for (let isWell = true; !signal.aborted; ) {
        await systemClock.sleep(LOOK_EVERY, signal);
        if (signal.aborted) break;
        try {
          await look();
          isWell = true;
        } catch (error) {
          if (isWell) log.warning(`sessions of people: ${messageOf(error)}`);
          isWell = false;
        }
      }
    } finally {
      await app.close();
    }
  };
  return {
    port,
    get fingerprint() {
      return present.shown.fingerprint;
    },
    ended: work(),
  };
}

function tlsOptions({ key, chain }: ServerCertificate) {
  return { key, cert: chain, minVersion: 'TLSv1.2' } as const;
}
