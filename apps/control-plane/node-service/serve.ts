import { createSecureServer, type SecureServerOptions } from 'node:http2';
import type { AddressInfo } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { createContextValues } from '@connectrpc/connect';
import { messageOf } from '../../error.ts';
import type { Logger } from '../../log/logger.ts';
import { getErrorCode } from '../../process/code-of.ts';
import type { Kept } from '../../proto/gen/quantix/v1/position_pb.js';
import { systemClock } from '../../watch/clock.ts';
import type { DatabaseAddress } from '../database/connection.ts';
import type { Database } from '../database/database.ts';
import { listenForNews } from '../database/listen.ts';
import { readAwareness } from '../database/repositories/nodes.ts';
import { endOverdueTasks, expireTasks } from '../database/repositories/tasks.ts';
import { listenOn } from '../listen-on.ts';
import type { NodeState } from '../reconciliation/node-state.ts';
import { announceAuthority } from '../trust/announce-authority.ts';
import { type Authority, isDue, type ServerCertificate } from '../trust/authority.ts';
import { createUpdatesHandler, UPDATES_PATH } from '../updates/serve.ts';
import { determineNetwork, type Rate, Shares } from './allowance.ts';
import { LanAnswerer } from './answer-lan.ts';
import { CallClock, type CallTimes } from './call-times.ts';
import { callerKey } from './caller.ts';
import { CommandStreams } from './command-streams.ts';
import { EndpointList } from './endpoints.ts';
import { handleRequests } from './handle-requests.ts';
import { registerNodeCalls } from './node-calls.ts';
import { Sessions } from './sessions.ts';
import { ThrottledLog } from './throttled-log.ts';
import { makeVersion } from './version.ts';

/** Milliseconds within which the TLS handshake must end, also if it never starts. */
const HANDSHAKE_WITHIN = 10_000;

/** Milliseconds between two checks of tasks' deadlines, the machine's addresses and the server's certificate. */
const LOOK_EVERY = 5000;

/** Milliseconds after a task's deadline for which its node's report is awaited. */
const REPORT_WITHIN = 300_000;

/** Maximum number of concurrent HTTP/1.1 connections: in all, and per network. */
const FILE_CONNECTIONS = { all: 256, each: 32 };

/**
 * Largest body of a request in bytes: from a node, which may send a full state in many parts, and from a caller that
 * has not joined.
 */
const LARGEST_BODY = { node: 80 * 1024 * 1024, unjoined: 256 * 1024 };

export interface NodeServiceOptions {
  readonly database: Database;
  /** Address of the same database, for subscribing to notifications. */
  readonly address: DatabaseAddress;
  readonly authority: Authority;
  readonly state: NodeState;
  /** Reads the stored positions of a node. */
  readonly readKept: (nodeId: string) => Promise<Kept>;
  readonly agents: {
    readonly listen: string;
    readonly port: number;
    readonly announce: readonly string[];
  };
  /** Folder of the tree of updates, which is served below /updates/. */
  readonly updates: string;
  /** Version of the program. */
  readonly version: string;
  readonly log: Logger;
  readonly signal: AbortSignal;
  /** Milliseconds within which the body of a request must arrive. */
  readonly bodyWithin?: number;
  /** Limit of calls per node. */
  readonly callRate?: Rate;
}

/** What is known of a node's heartbeats. */
export interface Heard {
  /** Address of this machine over which the last one came. */
  readonly over: string;
  readonly heartbeats: number;
}

/** The server for hosts' agents. */
export interface NodeServer {
  /** The port that it listens on. */
  readonly port: number;
  /** Where hosts find it. */
  readonly endpoints: EndpointList;
  /** The last heartbeat of each node since the server has started. */
  readonly heard: ReadonlyMap<string, Heard>;
  /** How long calls took since the server has started, by method. */
  readonly calls: readonly CallTimes[];
  /** Reads the list of endpoints again, and announces it to all nodes at once if it has changed. */
  announceEndpoints(): Promise<void>;
  /** Requests a heartbeat at once from a node, or from all. */
  wantHeartbeat(nodeId?: string): void;
  /** Resolves after the signal is aborted and the server has stopped. */
  readonly ended: Promise<void>;
}

/**
 * Serves `NodeService` with TLS 1.3 and HTTP/2 only; client certificates are requested, and checked with each call.
 * Also serves the tree of updates, to everyone and also with HTTP/1.1.
 * @throws ControlPlaneError if it cannot listen
 */
export async function serveNodes(options: NodeServiceOptions): Promise<NodeServer> {
  const { database, authority, state, agents, log, signal } = options;
  const { db } = database;
  const version = makeVersion(options.version);
  const throttled = new ThrottledLog(log);
  const streams = new CommandStreams(db, version);
  let certificate = await authority.serverCertificate();
  const { version: trustBundleVersion, lost } = await announceAuthority(db, authority);
  if (lost !== undefined) log.error(lost);
  const sessions = new Sessions(authority);
  const server = createSecureServer(tlsOptions(certificate, authority));
  server.on('session', (session) => sessions.add(session));
  server.on('tlsClientError', (error, socket: TLSSocket) => {
    const code = getErrorCode(error) ?? messageOf(error);
    // A host that only reads the certificate before it joins disconnects without a close.
    if (code === 'ECONNRESET') return;
    throttled.warn(socket.remoteAddress ?? 'a caller', code, `TLS failed: ${code}`);
  });
  const files = new Set<TLSSocket>();
  const places = new Shares(FILE_CONNECTIONS);
  server.on('secureConnection', (socket: TLSSocket) => {
    if (socket.alpnProtocol === 'h2') return;
    // HTTP/1.1 serves only downloads of files.
    const taken = places.take(determineNetwork(socket.remoteAddress ?? ''));
    if (typeof taken === 'string') return void socket.destroy();
    files.add(socket);
    socket.once('close', () => {
      files.delete(socket);
      taken();
    });
  });
  server.on('unknownProtocol', (socket: TLSSocket) => {
    throttled.warn(socket.remoteAddress ?? 'a caller', 'protocol', 'does not speak HTTP/2');
    socket.destroy();
  });
  server.on('sessionError', () => undefined);
  try {
    await listenOn(server, agents, 'agents');
  } catch (error) {
    sessions.close();
    throw error;
  }
  server.on('error', () => undefined);
  const { port } = server.address() as AddressInfo;
  const endpoints = new EndpointList(db, { ...agents, port, announced: agents.announce });
  const { bodyWithin, callRate, readKept } = options;
  const heard = new Map<string, Heard>();
  const clock = new CallClock();
  const onHeard = (nodeId: string, over: string) => {
    heard.set(nodeId, { over, heartbeats: (heard.get(nodeId)?.heartbeats ?? 0) + 1 });
  };
  server.on(
    'request',
    handleRequests({
      routes: (router) =>
        registerNodeCalls(router, {
          ...{ database, authority, trustBundleVersion, state, streams, endpoints, version },
          ...{ readKept, onHeard, log: throttled },
          ...(callRate === undefined ? {} : { callRate }),
        }),
      files: { below: UPDATES_PATH, handle: createUpdatesHandler(options.updates) },
      valuesOf: (session) => createContextValues().set(callerKey, sessions.callerOf(session)),
      largestBody: (session) =>
        sessions.callerOf(session).identity === undefined
          ? LARGEST_BODY.unjoined
          : LARGEST_BODY.node,
      ...(bodyWithin === undefined ? {} : { bodyWithin }),
      onAnswered: (method, milliseconds) => clock.count(method, milliseconds),
      onFailure: (session, message) =>
        throttled.warn(
          session === undefined ? 'a caller' : sessions.callerOf(session).address,
          message,
          message,
        ),
    }),
  );
  log.info(
    `agents are served on port ${port}; the authority has the fingerprint ${authority.fingerprint}`,
  );

  const lan = new LanAnswerer({
    fingerprint: authority.fingerprint,
    port,
    onProblem: (line) => log.warning(line),
  });

  const close = async () => {
    lan.close();
    streams.close();
    sessions.close();
    for (const socket of files) socket.destroy();
    const { promise: closed, resolve } = Promise.withResolvers<void>();
    server.close(() => resolve());
    await closed;
  };
  let announcedVersion: bigint;
  try {
    announcedVersion = (await endpoints.refresh()).version;
  } catch (error) {
    // The next attempt needs the port.
    await close();
    throw error;
  }
  const announceEndpoints = async () => {
    const list = await endpoints.refresh();
    if (list.version !== announcedVersion) {
      announcedVersion = list.version;
      log.info(`agents are given ${list.origins.join(', ') || 'no address'}`);
      streams.wantHeartbeat();
    } else if (endpoints.planned.length > 0) {
      // A node gets the list with the answer to a heartbeat, and reports with the next one that it has stored the list.
      for (const { id, isAware } of await readAwareness(db, list.version)) {
        if (!isAware) streams.wantHeartbeat(id);
      }
    }
  };
  const look = async () => {
    lan.look();
    const now = new Date();
    for (const id of await expireTasks(db, now)) log.info(`task ${id} expired before it was sent`);
    for (const id of await endOverdueTasks(db, now, REPORT_WITHIN)) {
      log.warning(`task ${id} ended as TIMEOUT: its node has not reported its outcome`);
    }
    await announceEndpoints();
    if (isDue(certificate, Date.now())) {
      certificate = await authority.serverCertificate();
      server.setSecureContext(tlsOptions(certificate, authority));
      log.info('the server’s certificate was made anew');
    }
  };
  const lookAgainAndAgain = async () => {
    for (let isWell = true; !signal.aborted; ) {
      try {
        await look();
        isWell = true;
      } catch (error) {
        if (isWell && !signal.aborted) log.warning(`tasks and addresses: ${messageOf(error)}`);
        isWell = false;
      }
      await systemClock.sleep(LOOK_EVERY, signal);
    }
  };
  const work = async () => {
    try {
      const news = {
        ...({
          address: options.address,
          channel: 'node_news',
          late: 'tasks reach nodes late',
        } as const),
        ...{ log, signal },
      };
      const onNews = (nodeId: string | undefined) => streams.wake(nodeId);
      await Promise.all([lookAgainAndAgain(), listenForNews({ ...news, onNews })]);
    } finally {
      await close();
    }
  };
  return {
    ...{ port, endpoints, heard, announceEndpoints },
    get calls() {
      return clock.times;
    },
    wantHeartbeat: (nodeId) => streams.wantHeartbeat(nodeId),
    ended: work(),
  };
}

function tlsOptions({ key, chain }: ServerCertificate, authority: Authority): SecureServerOptions {
  return {
    ...{ key, cert: chain, ca: authority.bundle },
    minVersion: 'TLSv1.3',
    requestCert: true,
    rejectUnauthorized: false,
    allowHTTP1: true,
    handshakeTimeout: HANDSHAKE_WITHIN,
    settings: { maxConcurrentStreams: 16, maxHeaderListSize: 16_384 },
  };
}
