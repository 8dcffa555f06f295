import { create } from '@bufbuild/protobuf';
import { parseJoinToken } from '../../apps/agent/configuration/join-token.ts';
import {
  type Connection,
  openConnection,
} from '../../apps/agent/membership/connection/connection.ts';
import type { Credentials } from '../../apps/agent/membership/identity/credentials.ts';
import { loadKey, type NodeKey } from '../../apps/agent/membership/identity/key.ts';
import { type Enrolment, joinControlPlane } from '../../apps/agent/membership/join.ts';
import type { Executor } from '../../apps/control-plane/database/database.ts';
import { createJoinToken } from '../../apps/control-plane/database/repositories/join-tokens.ts';
import { readStanding } from '../../apps/control-plane/database/repositories/nodes.ts';
import {
  type NodeServer,
  type NodeServiceOptions,
  serveNodes,
} from '../../apps/control-plane/node-service/serve.ts';
import { explainAbsence } from '../../apps/control-plane/reconciliation/node-records.ts';
import type { NodeState } from '../../apps/control-plane/reconciliation/node-state.ts';
import { type Authority, openAuthority } from '../../apps/control-plane/trust/authority.ts';
import type { Logger } from '../../apps/log/logger.ts';
import { HardwareIdentitySchema } from '../../apps/proto/gen/quantix/v1/host_pb.js';
import {
  HeartbeatResponseSchema,
  NotifyStorageChangeResponseSchema,
  NotifyVMChangeResponseSchema,
  SyncFullStateResponseSchema,
} from '../../apps/proto/gen/quantix/v1/node_service_pb.js';
import { KeptSchema } from '../../apps/proto/gen/quantix/v1/position_pb.js';
import { HOST } from '../unit/apps/agent/membership/agent.ts';
import { temporaryFolder } from '../unit/folder.ts';
import { type OpenTestDatabase, openTestDatabase } from './database.ts';

/** The identity of a host that is a node. */
export interface Host {
  readonly key: NodeKey;
  readonly enrolment: Enrolment;
  readonly connection: Connection;
}

/** Returns a stand-in for the state of nodes that accepts every report of a node. */
function acceptAll(db: Executor): NodeState {
  const expectNode = async (nodeId: string) => {
    if ((await readStanding(db, nodeId)) !== 'member') throw await explainAbsence(db, nodeId);
  };
  return {
    heartbeat: async (nodeId, { position }) => {
      await expectNode(nodeId);
      const kept = position === undefined ? {} : { heartbeat: position };
      return create(HeartbeatResponseSchema, { applied: true, kept });
    },
    syncFullState: async (nodeId, parts) => {
      for await (const _part of parts);
      await expectNode(nodeId);
      return create(SyncFullStateResponseSchema, { applied: true });
    },
    notifyVmChange: async (nodeId) => {
      await expectNode(nodeId);
      return create(NotifyVMChangeResponseSchema, { applied: true });
    },
    notifyStorageChange: async (nodeId) => {
      await expectNode(nodeId);
      return create(NotifyStorageChangeResponseSchema, { applied: true });
    },
  };
}

/** A server for agents with its own database, and hosts that connect to it with the agent's code. */
export class NodeApi implements AsyncDisposable {
  readonly opened: OpenTestDatabase;
  readonly authority: Authority;
  readonly lines: string[] = [];
  #options: Partial<NodeServiceOptions>;
  #server: NodeServer | undefined;
  #port = 0;
  #ending = new AbortController();
  readonly #connections: Connection[] = [];

  private constructor(
    opened: OpenTestDatabase,
    authority: Authority,
    options: Partial<NodeServiceOptions>,
  ) {
    this.opened = opened;
    this.authority = authority;
    this.#options = options;
  }

  static async open(options: Partial<NodeServiceOptions> = {}): Promise<NodeApi> {
    const authority = await openAuthority(`${await temporaryFolder()}/ca.pem`);
    const api = new NodeApi(await openTestDatabase(), authority, options);
    await api.start();
    return api;
  }

  get db() {
    return this.opened.database.db;
  }

  get port(): number {
    return this.#port;
  }

  /** The running server. */
  get server(): NodeServer {
    if (this.#server === undefined) throw new Error('the API for agents is not open');
    return this.#server;
  }

  get origin(): string {
    return `https://127.0.0.1:${this.#port}`;
  }

  /** Starts the server, on the same port as before. */
  async start(more: Partial<NodeServiceOptions> = {}): Promise<void> {
    this.#options = { ...this.#options, ...more };
    this.#ending = new AbortController();
    const note = (line: string) => this.lines.push(line);
    const log: Logger = { error: note, warning: note, info: note, debug: note };
    this.#server = await serveNodes({
      ...{ database: this.opened.database, address: this.opened.address, log },
      ...{ authority: this.authority, state: acceptAll(this.db), version: '1.0.0' },
      updates: '/nonexistent',
      readKept: async () => create(KeptSchema),
      agents: { listen: '127.0.0.1', port: this.#port, announce: [] },
      signal: this.#ending.signal,
      ...this.#options,
    });
    this.#port = this.#server.port;
  }

  async stop(): Promise<void> {
    this.#ending.abort();
    await this.#server?.ended;
  }

  /** Creates a join token. @param life seconds */
  async token({ maxUses = 1, life = 3600 } = {}): Promise<string> {
    const { secret } = await createJoinToken(this.db, {
      ...{ description: '', createdBy: 'a test', maxUses },
      expiresAt: new Date(Date.now() + life * 1000),
    });
    return `qxj1.${secret}.${this.authority.fingerprint}`;
  }

  /** Joins a host with a token, as the agent does. @throws the agent's error */
  async host(token: string, known?: NodeKey, managementAddress = '192.0.2.10'): Promise<Host> {
    const key = known ?? (await loadKey(await temporaryFolder(), () => undefined));
    const enrolment = await joinControlPlane({
      ...{ key, origin: this.origin, token: parseJoinToken(token), host: HOST },
      hardware: create(HardwareIdentitySchema, { bootId: 'boot-1' }),
      ...{ managementAddress, agentVersion: '1.0.0', now: Date.now() },
      signal: AbortSignal.timeout(20_000),
    });
    return { key, enrolment, connection: this.connect(enrolment.credentials) };
  }

  /** Connects to the server as the agent does. */
  connect(credentials?: Credentials, origin = this.origin): Connection {
    const caCertificates = this.authority.bundle;
    const connection = openConnection({ origin, caCertificates, credentials });
    this.#connections.push(connection);
    return connection;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const connection of this.#connections) connection.drop();
    await this.stop();
    await this.opened[Symbol.asyncDispose]();
  }
}
