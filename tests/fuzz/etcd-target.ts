import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import {
  readChanges,
  readLease,
  readTransaction,
} from '../../apps/control-plane/coordination/answers.ts';
import { EtcdError } from '../../apps/control-plane/coordination/error.ts';
import {
  LeaseGrantResponseSchema,
  TxnResponseSchema,
  WatchResponseSchema,
} from '../../apps/proto/gen/etcd/rpc_pb.js';
import { mutate } from './mutate.ts';
import type { Target } from './target.ts';

const ADDRESS = 'http://etcd.test';
const header = { clusterId: 1n, memberId: 2n, revision: 7n, raftTerm: 3n };
const kv = {
  key: Buffer.from('key'),
  value: Buffer.from('ü'),
  createRevision: 5n,
  modRevision: 6n,
};

const lease = toBinary(
  LeaseGrantResponseSchema,
  create(LeaseGrantResponseSchema, { header, ID: 2n ** 62n, TTL: 15n }),
);
const transaction = toBinary(
  TxnResponseSchema,
  create(TxnResponseSchema, {
    header,
    succeeded: true,
    responses: [{ response: { case: 'responseRange', value: { header, kvs: [kv] } } }],
  }),
);
const changes = toBinary(
  WatchResponseSchema,
  create(WatchResponseSchema, { header, events: [{ kv }, { type: 1, kv }] }),
);

/** Answers of etcd: the transport refuses what is not a message of its protocol. */
export const etcd: Target = {
  name: 'etcd',
  once(random) {
    const layer = random.below(3);
    const read = <T>(parse: () => T): T => {
      try {
        return parse();
      } catch (cause) {
        throw new EtcdError('invalid', 'no message', ADDRESS, cause);
      }
    };
    const mutated = (bytes: Uint8Array) => mutate(Buffer.from(bytes), random);
    if (layer === 0) {
      const bytes = mutated(lease);
      readLease(
        read(() => fromBinary(LeaseGrantResponseSchema, bytes)),
        15,
        ADDRESS,
      );
    } else if (layer === 1) {
      const bytes = mutated(transaction);
      const answer = read(() => fromBinary(TxnResponseSchema, bytes));
      readTransaction(answer, { success: 1, failure: 1 }, ADDRESS);
    } else {
      const bytes = mutated(changes);
      readChanges(
        read(() => fromBinary(WatchResponseSchema, bytes)),
        ADDRESS,
      );
    }
  },
};
