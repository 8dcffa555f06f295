import type { KeyValue, Lease } from './answers.ts';
import type { Etcd } from './etcd.ts';

/** Key that the leader holds while its lease is valid. */
const LEADER_KEY = 'quantix/vdc/leader';

/** The holder of the leader's key. */
export interface Held {
  /** Name that the holder gave itself. */
  readonly holder: string;
  /** Revision at which it took the key: larger than that of each earlier holder, unless the store was emptied. */
  readonly revision: number;
}

/** What an election needs: one key that is held with a lease. A call that fails may have been carried out or not. */
export interface LeaderKey {
  /** Grants a lease of a number of seconds. */
  grantLease(seconds: number): Promise<Lease>;
  /** Renews a lease for its full time. @returns false if it has ended */
  renewLease(lease: Lease): Promise<boolean>;
  /** Revokes a lease, and so releases the key. */
  revokeLease(lease: Lease): Promise<void>;
  /** Returns the current holder of the key; undefined if there is none. */
  read(): Promise<Held | undefined>;
  /** Takes the key if it is free. @returns its holder, and whether that is the caller */
  take(holder: string, lease: Lease): Promise<Held & { readonly isTaken: boolean }>;
  /** Resolves when the key is released after a revision, or the signal is aborted. */
  waitUntilFree(revision: number, signal: AbortSignal): Promise<void>;
}

/** Creates the leader's key in etcd. */
export function createLeaderKey(etcd: Etcd): LeaderKey {
  return {
    grantLease: (seconds) => etcd.grantLease(seconds),
    renewLease: (lease) => etcd.renewLease(lease),
    revokeLease: (lease) => etcd.revokeLease(lease),
    async read() {
      const { read } = await etcd.transact({ success: [{ kind: 'read', key: LEADER_KEY }] });
      return heldBy(read[0]);
    },
    async take(holder, lease) {
      const { held, read, revision } = await etcd.transact({
        where: [{ key: LEADER_KEY, createRevision: 0 }],
        success: [{ kind: 'put', key: LEADER_KEY, value: holder, lease }],
        failure: [{ kind: 'read', key: LEADER_KEY }],
      });
      if (held) return { holder, revision, isTaken: true };
      const other = heldBy(read[0]) ?? { holder: 'somebody', revision };
      return { ...other, isTaken: false };
    },
    async waitUntilFree(revision, signal) {
      for await (const { kind } of etcd.watch(LEADER_KEY, revision + 1, signal)) {
        if (kind === 'removed') return;
      }
    },
  };
}

function heldBy(found: KeyValue | undefined): Held | undefined {
  return found && { holder: found.value, revision: found.createRevision };
}
