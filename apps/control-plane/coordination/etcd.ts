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

/** What etcd does at once: one of two lists of steps. */
export interface Transaction {
  /** Keys and the revision that each was made at, 0 for one that is not there. */
  readonly where?: readonly { readonly key: string; readonly createRevision: number }[];
  /** Done if it is so. */
  readonly success: readonly Step[];
  /** Done if it is not. */
  readonly failure?: readonly Step[];
}

/**
 * etcd, by its version 3 API. Each call takes no longer than 3 s and throws an EtcdError if it was not answered, or in an
 * unexpected way.
 */
export interface Etcd {
  /** Makes a lease of at least so many seconds. */
  grantLease(seconds: number): Promise<Lease>;
  /** Lets a lease live for its full time again, counted from when etcd takes the request. @returns false if it has ended */
  renewLease(lease: Lease): Promise<boolean>;
  /** Ends a lease, and with it its keys. One that has ended already is fine. */
  revokeLease(lease: Lease): Promise<void>;
  transact(transaction: Transaction): Promise<TransactionResult>;
  /**
   * Tells of changes of a key as they happen, until the signal is aborted.
   * @param from revision of the first change to tell of
   * @throws EtcdError when no more can be told; where its failure is 'forgotten', the key has to be read anew
   */
  watch(key: string, from: number, signal: AbortSignal): AsyncGenerator<Change, void, void>;
  /** Ends the connection and what is under way on it. */
  close(): void;
}

/** Milliseconds for a call, including connecting. */
const DEADLINE = 3_000;

/** Bytes; the largest answer has a few short keys. */
const LARGEST_ANSWER = 1024 * 1024;

/** Opens etcd at an address such as `http://127.0.0.1:2379`; connects when it is first asked, and again after a loss. */
export function openEtcd(address: string): Etcd {
  const connection = new Http2Connection(address);
  const transport = createGrpcTransport({
    baseUrl: address,
    sessionManager: connection,
    defaultTimeoutMs: DEADLINE,
    readMaxBytes: LARGEST_ANSWER,
    acceptCompression: [],
  });
  return etcdOver(transport, address, () => connection.drop());
}

/** etcd over a transport of one's own. @param drop ends its connection; the next call makes a new one */
export function etcdOver(transport: Transport, address: string, drop: () => void): Etcd {
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
    // There may be no way through this connection any more.
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
        // A deadline of 0 is none.
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

/** A stream of one request that stays open: etcd ends the answers with it. */
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
