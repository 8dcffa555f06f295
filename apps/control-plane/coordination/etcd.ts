import { Code, ConnectError, createClient, type Transport } from '@connectrpc/connect';
import { createGrpcTransport } from '@connectrpc/connect-node';
import {
  Compare_CompareResult,
  Compare_CompareTarget,
  KV,
  Lease as LeaseService,
  Watch,
} from '../../proto/gen/etcd/rpc_pb.js';
import {
  type Change,
  type Lease,
  readChanges,
  readLease,
  readTransaction,
  type TransactionResult,
} from './answers.ts';
import { EtcdError, explainEtcdFailure } from './error.ts';
import { Http2Connection } from './http2-connection.ts';

/** A step of a transaction, on one key. */
export type Step =
  | { readonly kind: 'read' | 'remove'; readonly key: string }
  | { readonly kind: 'put'; readonly key: string; readonly value: string; readonly lease?: Lease };

/** A transaction of etcd: executes one of two lists of steps atomically. */
export interface Transaction {
  /** Conditions: keys and their create revisions; 0 for a key that does not exist. */
  readonly where?: readonly { readonly key: string; readonly createRevision: number }[];
  /** Executed if all conditions hold. */
  readonly success: readonly Step[];
  /** Executed otherwise. */
  readonly failure?: readonly Step[];
}

/**
 * etcd, with its version 3 API. Each call takes at most 3 s, and throws an EtcdError if the answer is missing or
 * unexpected.
 */
export interface Etcd {
  /** Grants a lease of at least a number of seconds. */
  grantLease(seconds: number): Promise<Lease>;
  /** Renews a lease for its full time, counted from when etcd receives the request. @returns false if it has ended */
  renewLease(lease: Lease): Promise<boolean>;
  /** Revokes a lease, which removes its keys. Does nothing if it has ended already. */
  revokeLease(lease: Lease): Promise<void>;
  transact(transaction: Transaction): Promise<TransactionResult>;
  /**
   * Yields changes of a key as they happen, until the signal is aborted.
   * @param from revision of the first change to report
   * @throws EtcdError when the stream is over; if its failure is 'forgotten', the key must be read again
   */
  watch(key: string, from: number, signal: AbortSignal): AsyncGenerator<Change, void, void>;
  /** Closes the connection and cancels its calls. */
  close(): void;
}

/** Milliseconds for a call, including connecting. */
const DEADLINE = 3_000;

/** Largest answer in bytes; real answers hold a few short keys. */
const LARGEST_ANSWER = 1024 * 1024;

/** Opens etcd at an address such as `http://127.0.0.1:2379`; connects with the first call, and again after a loss. */
export function openEtcd(address: string): Etcd {
  const connection = new Http2Connection(address);
  const transport = createGrpcTransport({
    baseUrl: address,
    sessionManager: connection,
    defaultTimeoutMs: DEADLINE,
    readMaxBytes: LARGEST_ANSWER,
    acceptCompression: [],
  });
  return createEtcdClient(transport, address, () => connection.drop());
}

/** Creates the client on a given transport. @param drop ends its connection; the next call makes a new one */
export function createEtcdClient(transport: Transport, address: string, drop: () => void): Etcd {
  const leases = createClient(LeaseService, transport);
  const keys = createClient(KV, transport);
  const changes = createClient(Watch, transport);
  const explained = async <T>(call: Promise<T>): Promise<T> => {
    try {
      return await call;
    } catch (error) {
      throw explain(error);
    }
  };
  const explain = (error: unknown): EtcdError => {
    // The connection may be dead.
    if (error instanceof ConnectError && error.code === Code.DeadlineExceeded) drop();
    return explainEtcdFailure(error, address);
  };
  return {
    async grantLease(seconds) {
      const answer = await explained(leases.leaseGrant({ TTL: BigInt(seconds) }));
      return readLease(answer, seconds, address);
    },
    async renewLease({ id }) {
      return await explained(askOnce());

      async function askOnce(): Promise<boolean> {
        const answers = leases.leaseKeepAlive(once({ ID: id }), { timeoutMs: DEADLINE });
        for await (const { ID, TTL } of answers) if (ID === id) return TTL > 0n;
        throw new EtcdError('invalid', 'etcd does not answer for a lease', address);
      }
    },
    async revokeLease({ id }) {
      try {
        await leases.leaseRevoke({ ID: id });
      } catch (error) {
        if (error instanceof ConnectError && error.code === Code.NotFound) return;
        throw explain(error);
      }
    },
    async transact({ where = [], success, failure = [] }) {
      const compare = where.map(({ key, createRevision }) => ({
        result: Compare_CompareResult.EQUAL,
        target: Compare_CompareTarget.CREATE,
        key: bytes(key),
        targetUnion: { case: 'createRevision' as const, value: BigInt(createRevision) },
      }));
      const request = { compare, success: success.map(stepOf), failure: failure.map(stepOf) };
      const answer = await explained(keys.txn(request));
      const steps = { success: success.length, failure: failure.length };
      return readTransaction(answer, steps, address);
    },
    async *watch(key, from, signal) {
      const ending = new AbortController();
      const anyEnd = AbortSignal.any([signal, ending.signal]);
      const asked = { key: bytes(key), startRevision: BigInt(from) };
      try {
        const request = {
          requestUnion: { case: 'createRequest' as const, value: asked },
        };
        // 0 means no deadline.
        const options = { signal: anyEnd, timeoutMs: 0 };
        for await (const answer of changes.watch(onceUntil(request, anyEnd), options)) {
          yield* readChanges(answer, address);
        }
      } catch (error) {
        if (signal.aborted) return;
        throw explainEtcdFailure(error, address);
      } finally {
        ending.abort();
      }
      throw new EtcdError('unreachable', 'etcd ended the stream of changes', address);
    },
    close: drop,
  };
}

function stepOf(step: Step) {
  const key = bytes(step.key);
  switch (step.kind) {
    case 'read':
      return { request: { case: 'requestRange' as const, value: { key } } };
    case 'remove':
      return { request: { case: 'requestDeleteRange' as const, value: { key } } };
    case 'put': {
      const value = { key, value: bytes(step.value), lease: step.lease?.id ?? 0n };
      return { request: { case: 'requestPut' as const, value } };
    }
  }
}

async function* once<T>(request: T): AsyncGenerator<T, void, void> {
  yield request;
}

/** Sends one request and keeps the stream open: etcd ends the answers when the stream ends. */
async function* onceUntil<T>(request: T, signal: AbortSignal): AsyncGenerator<T, void, void> {
  yield request;
  if (signal.aborted) return;
  await new Promise<void>((resolve) => {
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
}

function bytes(text: string): Uint8Array {
  return Buffer.from(text, 'utf8');
}
