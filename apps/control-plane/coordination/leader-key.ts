import type { KeyValue, Lease } from './answers.ts';
import type { Etcd } from './etcd.ts';

/** Key that the leader holds for as long as its lease lives. */
const LEADER_KEY = 'quantix/vdc/leader';

/** Who holds the leader's key. */
export interface Held {
  /** Name that the holder gave. */
  readonly holder: string;
  /** Revision at which it took the key: larger than that of each holder before, as long as the store was not emptied. */
  readonly revision: number;
}

/** What an election needs: one key that is held with a lease. Each call may fail with an error, done or not done. */
export interface LeaderKey {
  /** Makes a lease of so many seconds. */
  grantLease(seconds: number): Promise<Lease>;
  /** Lets a lease live for its full time again. @returns false if it has ended */
  renewLease(lease: Lease): Promise<boolean>;
  /** Ends a lease, and so lets go of the key. */
  revokeLease(lease: Lease): Promise<void>;
  /** Who holds the key now; undefined if nobody does. */
  read(): Promise<Held | undefined>;
  /** Takes the key if nobody holds it. @returns who holds it then, and whether it is the caller */
  take(holder: string, lease: Lease): Promise<Held & { readonly isTaken: boolean }>;
  /** Comes back once the key is let go of after a revision, or the signal is aborted. */
  waitUntilFree(revision: number, signal: AbortSignal): Promise<void>;
}

/** The leader's key in etcd. */
export function leaderKeyIn(etcd: Etcd): LeaderKey {
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
