import { randomBytes } from 'node:crypto';
import { EventEmitter, once } from 'node:events';
import { clone, create, type Message, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { Code, ConnectError, type ConnectRouter, type HandlerContext } from '@connectrpc/connect';
import {
  type HeartbeatRequest,
  NodeService,
  type RegisterRequest,
  StoragePoolsSchema,
  type SyncFullStateRequest,
  SyncFullStateRequestSchema,
  VirtualMachinesSchema,
  type WatchRequest,
  WatchResponseSchema,
} from '../../apps/proto/gen/quantix/v1/node_service_pb.js';
import { RefusalReason } from '../../apps/proto/gen/quantix/v1/refusal_pb.js';
import type { AssignedPoolsSchema } from '../../apps/proto/gen/quantix/v1/storage_pb.js';
import { Authority, ninetyDays, type Validity } from './authority.ts';
import { Ledger, type Verdict } from './ledger.ts';
import { ApiServer, callerKey, idOf, refusal } from './server.ts';
import { Tasks } from './tasks.ts';

export type Method = keyof typeof NodeService.method;

/** A received call. */
export interface Call {
  readonly method: Method;
  /** The request; of SyncFullState, all parts merged. */
  readonly request: Message;
}

/** Functions called for each call. */
export interface Fault {
  /** Called before a call is applied; an error that it throws is the answer. */
  before?(call: Call): void | Promise<void>;
  /** Called after a call is applied; an error that it throws is the answer. */
  after?(call: Call): void | Promise<void>;
}

export interface Node {
  ledger: Ledger;
  readonly tasks: Tasks;
  deleted: boolean;
}

/** The version of the contract in `version.proto`. */
const CURRENT = 2;

/** Calls that version 1 lacks. */
const SINCE_2: readonly Method[] = ['watch', 'reportTask', 'leave', 'getTrustBundle'];

/**
 * A control plane in memory that follows `node_service.proto`, over real TLS, to test the agent's client against. It
 * records each call. A test can make it fail, answer late, lose its records or be unreachable.
 */
export class ControlPlane {
  readonly calls: Call[] = [];
  readonly nodes = new Map<string, Node>();
  readonly api: ApiServer;
  readonly authority: Authority;
  /** Its version of the protocol: 1 is the one before the contract's, 2 the contract's, 3 one that no node supports. */
  version: 1 | 2 | 3 = CURRENT;
  /** Seconds between heartbeats that it requests. */
  interval = 30;
  /** The assigned pools that it sends. */
  assignedPools: MessageInitShape<typeof AssignedPoolsSchema> | undefined;
  /** The endpoints that it announces. */
  endpoints: { version: bigint; origins: string[] } | undefined;
  /** Time servers that it sends to nodes. */
  timeServers: string[] | undefined;
  /** Authorities that nodes are to trust, and the version of the list. */
  trust: { version: bigint; authorities: Authority[] };
  /** Whether only the node acts when hashes differ: the control plane requests no full state then. */
  leavesComparing = false;
  /** Number of parts of the last full state. */
  parts = 0;
  /** Size in bytes of the largest part received so far. */
  largestPart = 0;
  /** Returns the validity of its certificates for nodes. */
  validity: () => Validity = ninetyDays;
  /** Milliseconds for which an expired certificate can be renewed. */
  grace = 365 * 86_400_000;
  fault: Fault = {};
  /** Returns the name of a node that registers. */
  nameNode: (id: string) => string = (id) => id;
  /** Token → node that used it. */
  readonly #tokens = new Map<string, string | undefined>();
  readonly #arrivals = new EventEmitter();

  private constructor(authority: Authority) {
    this.authority = authority;
    this.trust = { version: 1n, authorities: [authority] };
    this.api = new ApiServer(authority, (router) => this.#routes(router));
    this.api.clientAuthorities = () => this.trust.authorities.map(({ pem }) => pem);
  }

  /** Starts a control plane that listens on a port of 127.0.0.1. */
  static async open(): Promise<ControlPlane> {
    const plane = new ControlPlane(await Authority.create('Quantix control plane'));
    await plane.api.open();
    return plane;
  }

  /** Makes the control plane answer at one more address. */
  async openElsewhere(): Promise<ApiServer> {
    const api = new ApiServer(this.authority, (router) => this.#routes(router));
    await api.open();
    return api;
  }

  /** Makes a join token. */
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

  /** Returns the only node. */
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
          this.#caller(context, { expiredToo: true });
          return this.#certify(request.certificateRequest);
        }),
      getTrustBundle: (request, context) =>
        this.#take('getTrustBundle', request, () => {
          this.#caller(context);
          return { version: this.trust.version, caCertificates: this.#trusted() };
        }),
      heartbeat: (request, context) =>
        this.#take('heartbeat', request, () => this.#heartbeat(request, this.#caller(context))),
      syncFullState: async (stream, context) => {
        const parts: SyncFullStateRequest[] = [];
        for await (const part of stream) {
          parts.push(part);
          const size = toBinary(SyncFullStateRequestSchema, part).length;
          this.largestPart = Math.max(this.largestPart, size);
        }
        this.parts = parts.length;
        const request = wholeOf(parts);
        return this.#take('syncFullState', request, () => this.#sync(parts, this.#caller(context)));
      },
      notifyVMChange: (request, context) =>
        this.#take('notifyVMChange', request, () => {
          const { ledger } = this.#caller(context);
          return this.#answer(ledger.notify(request), ledger);
        }),
      notifyStorageChange: (request, context) =>
        this.#take('notifyStorageChange', request, () => {
          const { ledger } = this.#caller(context);
          return this.#answer(ledger.notify(request), ledger);
        }),
      watch: (request, context) => this.#watch(request, context),
      reportTask: (request, context) =>
        this.#take('reportTask', request, () => ({
          known: this.#caller(context).tasks.report(request.report),
        })),
      leave: (request, context) =>
        this.#take('leave', request, () => {
          this.#caller(context).deleted = true;
          return {};
        }),
    });
  }

  async #take<T extends object>(
    method: Method,
    request: Message,
    apply: () => T | Promise<T>,
  ): Promise<T> {
    const call = { method, request };
    try {
      this.#expectKnown(method);
      await this.fault.before?.(call);
      const answer = await apply();
      await this.fault.after?.(call);
      return { ...answer, ...this.#news() };
    } finally {
      this.calls.push(call);
      this.#arrivals.emit('call');
    }
  }

  async *#watch(request: WatchRequest, context: HandlerContext) {
    const { tasks } = this.#caller(context);
    await this.#take('watch', request, () => ({}));
    const opened = create(WatchResponseSchema, {
      content: {
        case: 'opened',
        value: {
          signOfLifeSeconds: 30,
          serverTime: timestampFromMs(Date.now()),
          ...this.#said(),
        },
      },
    });
    yield* tasks.open(opened, context.signal);
  }

  #expectKnown(method: Method): void {
    if (this.version === 1 && SINCE_2.includes(method)) {
      throw new ConnectError(`${method} is not known`, Code.Unimplemented);
    }
  }

  #caller(context: HandlerContext, { expiredToo = false } = {}): Node {
    const caller = context.values.get(callerKey);
    if (caller === undefined) throw refusal(Code.PermissionDenied, RefusalReason.NODE_UNKNOWN);
    if (caller.expiredFor > (expiredToo ? this.grace : 0)) {
      throw refusal(Code.PermissionDenied, RefusalReason.CERTIFICATE_EXPIRED);
    }
    const node = this.nodes.get(idOf(caller.key));
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
    const { ledger, tasks } = this.nodes.get(nodeId) ?? {
      ledger: new Ledger(),
      tasks: new Tasks(),
    };
    this.nodes.set(nodeId, { ledger, tasks, deleted: false });
    const since2 = { kept: ledger.kept, ...this.#whereToFind(0n) };
    return {
      nodeId: this.nameNode(nodeId),
      ...certificates,
      ...(this.version === 1 ? {} : since2),
      ...this.#said(),
    };
  }

  async #certify(request: Uint8Array) {
    const [authority = this.authority] = this.trust.authorities.toReversed();
    const { certificate, publicKey } = await authority.sign(request, this.validity());
    return {
      nodeId: idOf(publicKey),
      certificateChain: certificate,
      caCertificates: this.#trusted(),
      ...(this.version === 1 ? {} : { trustBundleVersion: this.trust.version }),
    };
  }

  #trusted(): string {
    return this.trust.authorities.map(({ pem }) => pem).join('\n');
  }

  #heartbeat(request: HeartbeatRequest, { ledger }: Node) {
    this.#expectOriginal(ledger, request.bootId);
    const { form = 0 } = request.stateHash ?? {};
    const verdict = ledger.heartbeat(request);
    const comparable = ledger.isAt(request.acknowledged) && form < this.version;
    const hash = ledger.hash(form);
    const same = hash.vms === request.stateHash?.vms && hash.pools === request.stateHash?.pools;
    const requestFullSync =
      verdict.requestFullSync || (comparable && !same && !this.leavesComparing);
    const since2 = {
      trustBundleVersion: this.trust.version,
      ...(this.timeServers === undefined ? {} : { timeServers: { servers: this.timeServers } }),
      ...this.#whereToFind(request.endpointsVersion),
    };
    return {
      ...this.#answer({ ...verdict, requestFullSync }, ledger),
      ...this.#settings(),
      ...(comparable ? { stateHash: hash } : {}),
      ...(this.version === 1 ? {} : since2),
    };
  }

  #sync(parts: readonly SyncFullStateRequest[], { ledger }: Node) {
    this.#expectOriginal(ledger, parts[0]?.host?.hardware?.bootId ?? '');
    const verdict = ledger.sync(parts);
    return { ...this.#answer(verdict, ledger), ...this.#settings() };
  }

  #expectOriginal(ledger: Ledger, bootId: string): void {
    if (!ledger.isCopy(bootId)) return;
    throw refusal(Code.PermissionDenied, RefusalReason.DUPLICATE_KEY, 3600);
  }

  #answer({ applied, requestFullSync }: Verdict, { kept }: Ledger) {
    return { applied, requestFullSync, kept };
  }

  #settings() {
    return {
      heartbeatIntervalSeconds: this.interval,
      serverTime: timestampFromMs(Date.now()),
      ...(this.assignedPools === undefined ? {} : { assignedPools: this.assignedPools }),
      ...this.#said(),
    };
  }

  #whereToFind(known: bigint) {
    const { endpoints } = this;
    return endpoints === undefined || endpoints.version === known ? {} : { endpoints };
  }

  /** Its own version in answers; version 1 sends none. */
  #said() {
    if (this.version === 1) return {};
    const oldestProtocol = this.version - 1;
    return { version: { protocol: this.version, oldestProtocol, program: 'test' } };
  }

  /** Returns the fields that a later version adds to every answer. */
  #news() {
    if (this.version !== 3) return {};
    return { $unknown: [{ no: 4000, wireType: 2, data: Uint8Array.of(3, 1, 2, 3) }] };
  }
}

/** @throws ConnectError if the parts are not those of one full state */
function wholeOf(parts: readonly SyncFullStateRequest[]): SyncFullStateRequest {
  const [first] = parts;
  const ordered = parts.every(({ part, last, position }, index) => {
    const one =
      position?.epoch === first?.position?.epoch && position?.number === first?.position?.number;
    return one && part === index + 1 && last === (index === parts.length - 1);
  });
  if (first === undefined || !ordered) {
    throw new ConnectError('these are not the parts of one full state', Code.InvalidArgument);
  }
  const whole = clone(SyncFullStateRequestSchema, first);
  for (const { vms, pools, volumes, stateHash, last } of parts.slice(1)) {
    whole.last = last;
    whole.volumes.push(...volumes);
    if (stateHash !== undefined) whole.stateHash = stateHash;
    if (vms !== undefined) {
      whole.vms ??= create(VirtualMachinesSchema);
      whole.vms.items.push(...vms.items);
    }
    if (pools !== undefined) {
      whole.pools ??= create(StoragePoolsSchema);
      whole.pools.items.push(...pools.items);
    }
  }
  return whole;
}
