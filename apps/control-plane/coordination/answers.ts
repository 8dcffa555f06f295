import { Event_EventType, type KeyValue as KeyValueMessage } from '../../proto/gen/etcd/kv_pb.js';
import type {
  LeaseGrantResponse,
  TxnResponse,
  WatchResponse,
} from '../../proto/gen/etcd/rpc_pb.js';
import { EtcdError } from './error.ts';

/** A key of etcd and its value. */
export interface KeyValue {
  readonly key: string;
  readonly value: string;
  /** Revision of the store at which the key was created. */
  readonly createRevision: number;
}

/** The result of a transaction. */
export interface TransactionResult {
  /** Whether its conditions held. */
  readonly held: boolean;
  /** Revision of the store after it. */
  readonly revision: number;
  /** For each executed step, the key that it read; undefined if the key does not exist or the step reads nothing. */
  readonly read: readonly (KeyValue | undefined)[];
}

/** A change of a key. */
export interface Change {
  readonly kind: 'put' | 'removed';
  readonly key: string;
  /** Revision of the store with this change. */
  readonly revision: number;
}

/** A lease: keys attached to it are removed when it ends. */
export interface Lease {
  /** etcd's lease id, which takes 63 bits. */
  readonly id: bigint;
  /** Time to live in seconds, without a renewal. */
  readonly seconds: number;
}

/**
 * Reads the answer to a request for a lease.
 * @param asked requested seconds
 * @throws EtcdError if no lease was granted, or one with a shorter time
 */
export function readLease(answer: LeaseGrantResponse, asked: number, address: string): Lease {
  if (answer.error !== '') throw new EtcdError('refused', `etcd refuses: ${answer.error}`, address);
  const seconds = Number(answer.TTL);
  if (answer.ID <= 0n || seconds < asked) {
    const what = `etcd gives lease ${answer.ID} of ${seconds} s where ${asked} s were asked for`;
    throw new EtcdError('invalid', what, address);
  }
  return { id: answer.ID, seconds };
}

/**
 * Reads the answer to a transaction.
 * @param steps number of requested steps of each list
 * @throws EtcdError if the answer does not match this transaction
 */
export function readTransaction(
  answer: TxnResponse,
  steps: { success: number; failure: number },
  address: string,
): TransactionResult {
  const { succeeded: held, header, responses } = answer;
  if (header === undefined || responses.length !== (held ? steps.success : steps.failure)) {
    throw new EtcdError('invalid', 'the answer of etcd does not match the request', address);
  }
  const read = responses.map(({ response }) => {
    const [found] = response.case === 'responseRange' ? response.value.kvs : [];
    return found === undefined ? undefined : readKeyValue(found, address);
  });
  return { held, revision: readRevision(header.revision, address), read };
}

/**
 * Reads a message of a watch stream.
 * @throws EtcdError if the stream is over: 'forgotten' if changes are missing, 'refused' if etcd ended it
 */
export function readChanges(answer: WatchResponse, address: string): Change[] {
  if (answer.compactRevision !== 0n) {
    const what = `etcd has forgotten changes before revision ${answer.compactRevision}`;
    throw new EtcdError('forgotten', what, address);
  }
  if (answer.canceled) {
    const why = answer.cancelReason === '' ? 'it gives no reason' : answer.cancelReason;
    throw new EtcdError('refused', `etcd ended the watch: ${why}`, address);
  }
  return answer.events.map(({ type, kv }) => {
    if (kv === undefined)
      throw new EtcdError('invalid', 'etcd reports a change without a key', address);
    return {
      kind: type === Event_EventType.DELETE ? 'removed' : 'put',
      key: text(kv.key),
      revision: readRevision(kv.modRevision, address),
    };
  });
}

function readKeyValue({ key, value, createRevision }: KeyValueMessage, address: string): KeyValue {
  return {
    key: text(key),
    value: text(value),
    createRevision: readRevision(createRevision, address),
  };
}

/** Reads a revision. Revisions start at 1 and grow by one with each transaction that changes something. */
function readRevision(revision: bigint, address: string): number {
  const value = Number(revision);
  if (value > 0 && Number.isSafeInteger(value)) return value;
  throw new EtcdError('invalid', `etcd answers with revision ${revision}`, address);
}

function text(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('utf8');
}
