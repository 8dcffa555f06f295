import { randomBytes } from 'node:crypto';
import { EventEmitter, once } from 'node:events';
import type { Message, MessageInitShape } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { Code, type ConnectRouter, type HandlerContext } from '@connectrpc/connect';
import {
  type HeartbeatRequest,
  NodeService,
  type RegisterRequest,
  type SyncFullStateRequest,
} from '../../apps/proto/gen/quantix/v1/node_service_pb.js';
import { RefusalReason } from '../../apps/proto/gen/quantix/v1/refusal_pb.js';
import type { AssignedPoolsSchema } from '../../apps/proto/gen/quantix/v1/storage_pb.js';
import { Authority, ninetyDays, type Validity } from './authority.ts';
import { Ledger } from './ledger.ts';
import { callerKey, Door, idOf, refusal } from './server.ts';

export type Method = keyof typeof NodeService.method;

/** A call that arrived. */
export interface Call {
  readonly method: Method;
  readonly request: Message;
}

/** What happens to a call besides being answered. */
export interface Fault {
  /** Before it is applied; whatever it throws is the answer. */
  before?(call: Call): void | Promise<void>;
  /** After it was applied; whatever it throws is the answer. */
  after?(call: Call): void | Promise<void>;
}

interface Node {
  readonly ledger: Ledger;
  deleted: boolean;
}

/**
 * A control plane as `node_service.proto` describes it, in memory, over real TLS: what the agent's client is tried
 * against. It records each call, and can fail, delay, forget and be away.
 */
export class ControlPlane {
  readonly calls: Call[] = [];
  readonly nodes = new Map<string, Node>();
  readonly door: Door;
  readonly authority: Authority;
  /** Seconds; what it asks for. */
  interval = 30;
  /** What it says about pools. */
  assignedPools: MessageInitShape<typeof AssignedPoolsSchema> | undefined;
  /** For how long its certificates for nodes are valid. */
  validity: () => Validity = ninetyDays;
  fault: Fault = {};
  /** What it calls a node that registers. */
  nameNode: (id: string) => string = (id) => id;
  /** Tokens, and by which node each was used. */
  readonly #tokens = new Map<string, string | undefined>();
  readonly #arrivals = new EventEmitter();

  private constructor(authority: Authority) {
    this.authority = authority;
    this.door = new Door(authority, (router) => this.#routes(router));
  }

  /** One that listens on a port of 127.0.0.1. */
  static async open(): Promise<ControlPlane> {
    const plane = new ControlPlane(await Authority.create('Quantix control plane'));
    await plane.door.open();
    return plane;
  }

  /** A new join token. */
  token(): string {
    const secret = randomBytes(24).toString('base64url');
    this.#tokens.set(secret, undefined);
    return `qxj1.${secret}.${this.authority.fingerprint}`;
  }

  /** Waits until this many calls of a method have been answered since the beginning. @returns the last of them */
  async answered(method: Method, count: number): Promise<Call> {
    for (;;) {
      const call = this.calls.filter((one) => one.method === method)[count - 1];
      if (call !== undefined) return call;
      await once(this.#arrivals, 'call');
    }
  }

  /** The only node. */
  node(): Node {
    const [node] = this.nodes.values();
    if (node === undefined || this.nodes.size !== 1) throw new Error('not exactly one node');
    return node;
  }

  #routes(router: ConnectRouter): void {
    router.service(NodeService, {
      register: (request) => this.#take('register', request, () => this.#register(request)),
      renewCertificate: (request, context) =>
        this.#take('renewCertificate', request, async () => {
          this.#caller(context);
          return this.#certify(request.certificateRequest);
        }),
      heartbeat: (request, context) =>
        this.#take('heartbeat', request, () => this.#heartbeat(request, this.#caller(context))),
      syncFullState: (request, context) =>
        this.#take('syncFullState', request, () => this.#sync(request, this.#caller(context))),
      notifyVMChange: (request, context) =>
        this.#take('notifyVMChange', request, () => ({
          requestFullSync: this.#caller(context).ledger.notify(request) === 'unknown epoch',
        })),
      notifyStorageChange: (request, context) =>
        this.#take('notifyStorageChange', request, () => ({
          requestFullSync: this.#caller(context).ledger.notify(request) === 'unknown epoch',
        })),
    });
  }

  async #take<T>(method: Method, request: Message, apply: () => T | Promise<T>): Promise<T> {
    const call = { method, request };
    try {
      await this.fault.before?.(call);
      const answer = await apply();
      await this.fault.after?.(call);
      return answer;
    } finally {
      this.calls.push(call);
      this.#arrivals.emit('call');
    }
  }

  #caller(context: HandlerContext): Node {
    const key = context.values.get(callerKey);
    if (key === undefined) {
      throw refusal(Code.PermissionDenied, RefusalReason.NODE_UNKNOWN);
    }
    const node = this.nodes.get(idOf(key));
    if (node === undefined) throw refusal(Code.PermissionDenied, RefusalReason.NODE_UNKNOWN);
    if (node.deleted) throw refusal(Code.PermissionDenied, RefusalReason.NODE_DELETED);
    return node;
  }

  async #register(request: RegisterRequest) {
    const { tokenSecret } = request;
    if (!this.#tokens.has(tokenSecret)) {
      throw refusal(Code.Unauthenticated, RefusalReason.TOKEN_UNKNOWN);
    }
    const { nodeId, ...certificates } = await this.#certify(request.certificateRequest);
    const user = this.#tokens.get(tokenSecret);
    if (user !== undefined && user !== nodeId) {
      throw refusal(Code.Unauthenticated, RefusalReason.TOKEN_USED);
    }
    this.#tokens.set(tokenSecret, nodeId);
    const ledger = this.nodes.get(nodeId)?.ledger ?? new Ledger();
    this.nodes.set(nodeId, { ledger, deleted: false });
    return { nodeId: this.nameNode(nodeId), ...certificates };
  }

  async #certify(request: Uint8Array) {
    const { certificate, publicKey } = await this.authority.sign(request, this.validity());
    const caCertificates = this.authority.pem;
    return { nodeId: idOf(publicKey), certificateChain: certificate, caCertificates };
  }

  #heartbeat(request: HeartbeatRequest, { ledger }: Node) {
    ledger.heartbeat(request);
    const hash = ledger.hash();
    const comparable = ledger.isAt(request.acknowledged);
    const same = hash.vms === request.stateHash?.vms && hash.pools === request.stateHash?.pools;
    return { ...this.#said(), requestFullSync: comparable && !same };
  }

  #sync(request: SyncFullStateRequest, { ledger }: Node) {
    ledger.sync(request);
    return this.#said();
  }

  #said() {
    return {
      heartbeatIntervalSeconds: this.interval,
      serverTime: timestampFromMs(Date.now()),
      ...(this.assignedPools === undefined ? {} : { assignedPools: this.assignedPools }),
    };
  }
}
