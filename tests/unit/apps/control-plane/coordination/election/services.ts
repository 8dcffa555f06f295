import type { Lease } from '../../../../../../apps/control-plane/coordination/answers.ts';
import type { Fence } from '../../../../../../apps/control-plane/coordination/election.ts';
import { EtcdError } from '../../../../../../apps/control-plane/coordination/error.ts';
import type {
  Held,
  LeaderKey,
} from '../../../../../../apps/control-plane/coordination/leader-key.ts';
import { FencedError } from '../../../../../../apps/control-plane/database/repositories/leadership.ts';
import { ControlPlaneError } from '../../../../../../apps/control-plane/error.ts';
import type { Program, World } from './world.ts';

/** Faults of a call: milliseconds until it takes effect, and until its answer arrives. */
export interface Fate {
  readonly there: number;
  readonly back: number;
  readonly lost: 'nothing' | 'request' | 'answer';
}

/** Milliseconds after which a caller of etcd or PostgreSQL gives up; the request may still take effect. */
const ETCD_DEADLINE = 3_000;
const POSTGRESQL_DEADLINE = 15_000;

const SWIFT: Fate = { there: 1, back: 1, lost: 'nothing' };

/** The connections to both services. Each call has the next fault of the list, or none once the list is used up. */
export class Ways {
  readonly #world: World;
  readonly #fates: Fate[];

  constructor(world: World, fates: readonly Fate[]) {
    this.#world = world;
    this.#fates = [...fates];
  }

  /** Removes the remaining faults. */
  calm(): void {
    this.#fates.length = 0;
  }

  /** Calls a service on behalf of a program. */
  call<T>(
    program: Program,
    act: () => T,
    { deadline, late }: { deadline: number; late: () => Error },
  ): Promise<T> {
    const { there, back, lost } = this.#fates.shift() ?? SWIFT;
    const world = this.#world;
    return new Promise((resolve, reject) => {
      world.at(world.now + deadline, () => reject(late()), program);
      if (lost === 'request') return;
      world.at(world.now + there, () => {
        const answer = attempt(act);
        if (lost === 'answer') return;
        world.at(
          world.now + back,
          () => ('error' in answer ? reject(answer.error) : resolve(answer.value)),
          program,
        );
      });
    });
  }
}

function attempt<T>(act: () => T): { value: T } | { error: unknown } {
  try {
    return { value: act() };
  } catch (error) {
    return { error };
  }
}

/** etcd with one key. */
export class SimulatedEtcd {
  readonly #world: World;
  readonly #ways: Ways;
  readonly #leases = new Map<bigint, { seconds: number; endsAt: number }>();
  readonly #waiting = new Set<() => void>();
  #leasesMade = 0n;
  #revision = 1;
  #held: (Held & { lease: bigint }) | undefined;
  #isDown = false;
  #forgetsChanges = false;

  constructor(world: World, ways: Ways) {
    this.#world = world;
    this.#ways = ways;
  }

  /** Ends its watches, as etcd does if it has compacted the requested revision. */
  forgetChanges(): void {
    this.#forgetsChanges = true;
  }

  /** Stops answering. */
  stop(): void {
    this.#isDown = true;
  }

  start(): void {
    this.#isDown = false;
  }

  /** Simulates that its folder is set aside: revisions start at 1 again, and there are no leases. */
  empty(): void {
    this.#leases.clear();
    this.#revision = 1;
    this.#free();
  }

  /** Returns a program's access to the leader's key. */
  keyFor(program: Program): LeaderKey {
    const call = <T>(act: () => T): Promise<T> => {
      const late = () => new EtcdError('unreachable', 'etcd gives no answer in time', 'simulated');
      const whileUp = () => {
        if (this.#isDown) throw new EtcdError('unreachable', 'etcd is down', 'simulated');
        this.#endLeases();
        return act();
      };
      return this.#ways.call(program, whileUp, { deadline: ETCD_DEADLINE, late });
    };
    return {
      grantLease: (seconds) =>
        call(() => {
          this.#leasesMade += 1n;
          const lease: Lease = { id: this.#leasesMade, seconds };
          this.#prolong(lease.id, seconds);
          return lease;
        }),
      renewLease: ({ id, seconds }) =>
        call(() => {
          if (!this.#leases.has(id)) return false;
          this.#prolong(id, seconds);
          return true;
        }),
      revokeLease: ({ id }) =>
        call(() => {
          this.#leases.delete(id);
          this.#endLeases();
        }),
      read: () => call(() => this.#held),
      take: (holder, { id }) =>
        call(() => {
          if (this.#held !== undefined) return { ...this.#held, isTaken: false };
          if (!this.#leases.has(id)) {
            throw new EtcdError('refused', 'etcd refuses: lease not found', 'simulated');
          }
          this.#revision += 1;
          this.#held = { holder, revision: this.#revision, lease: id };
          return { ...this.#held, isTaken: true };
        }),
      waitUntilFree: (_revision, signal) =>
        new Promise((resolve, reject) => {
          if (this.#forgetsChanges) {
            reject(new EtcdError('forgotten', 'etcd has forgotten changes', 'simulated'));
            return;
          }
          const wake = () => this.#world.at(this.#world.now + 1, resolve, program);
          this.#waiting.add(wake);
          signal.addEventListener('abort', () => this.#waiting.delete(wake), { once: true });
        }),
    };
  }

  #prolong(id: bigint, seconds: number): void {
    const endsAt = this.#world.now + seconds * 1000;
    this.#leases.set(id, { seconds, endsAt });
    this.#world.at(endsAt, () => {
      if (!this.#isDown) this.#endLeases();
    });
  }

  #endLeases(): void {
    for (const [id, { endsAt }] of this.#leases) {
      if (endsAt <= this.#world.now) this.#leases.delete(id);
    }
    if (this.#held !== undefined && !this.#leases.has(this.#held.lease)) this.#free();
  }

  #free(): void {
    this.#revision += 1;
    this.#held = undefined;
    for (const wake of this.#waiting) wake();
    this.#waiting.clear();
  }
}

/** PostgreSQL with the row of the leadership, and the writes of leaders. */
export class SimulatedPostgresql {
  readonly #ways: Ways;
  #epoch = 0;
  #holder = '';
  /** The program and the epoch of each write, in order. */
  readonly written: { readonly epoch: number; readonly program: Program }[] = [];

  constructor(ways: Ways) {
    this.#ways = ways;
  }

  get epoch(): number {
    return this.#epoch;
  }

  fenceFor(program: Program): Fence {
    return {
      enter: ({ epoch, holder }) =>
        this.#call(program, () => {
          this.#epoch = Math.max(epoch, this.#epoch + 1);
          this.#holder = holder;
          return this.#epoch;
        }),
      check: (epoch) => this.write(program, epoch),
    };
  }

  /** Runs a leader's transaction. @throws FencedError */
  write(program: Program, epoch: number): Promise<void> {
    return this.#call(program, () => {
      if (epoch !== this.#epoch) throw new FencedError(epoch, this.#epoch, this.#holder);
      this.written.push({ epoch, program });
    });
  }

  #call<T>(program: Program, act: () => T): Promise<T> {
    const late = () => new ControlPlaneError({ what: 'PostgreSQL gives no answer in time' });
    return this.#ways.call(program, act, { deadline: POSTGRESQL_DEADLINE, late });
  }
}
