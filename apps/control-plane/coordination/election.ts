import type { Logger } from '../../log/logger.ts';
import { FencedError } from '../database/repositories/leadership.ts';
import { ControlPlaneError } from '../error.ts';
import type { Lease } from './answers.ts';
import type { MonotonicClock } from './clock.ts';
import type { ElectionTimes } from './election-times.ts';
import type { LeaderKey } from './leader-key.ts';

/** A store that records leaders, so that writes of earlier ones are refused. */
export interface Fence {
  /**
   * Records a new leader.
   * @param entry its proposed epoch, larger than any before unless the election's store was emptied
   * @returns the epoch to lead with, larger than any before
   */
  enter(entry: { epoch: number; holder: string }): Promise<number>;
  /** Checks that an epoch is current. @throws FencedError if another leader has been recorded since */
  check(epoch: number): Promise<void>;
}

/** Who is the leader, as far as this program knows. */
export type Standing =
  /** This program is the leader. */
  | { readonly role: 'leader'; readonly epoch: number }
  /** Another program is the leader. */
  | { readonly role: 'follower'; readonly leader: string }
  /** The leader is not known. */
  | { readonly role: 'unknown'; readonly problem: string };

/** Who is the leader, and for how long that has been known. */
export type AgedStanding = Standing & {
  /** Milliseconds since this standing began; undefined before the election has begun. */
  readonly age: number | undefined;
  /** Milliseconds since it was last confirmed; undefined before the election has begun. */
  readonly confirmedAgo: number | undefined;
};

/** A program's participation in an election. */
export interface Election {
  /**
   * Returns who is the leader now. It is never this program once `stepDownAfter` has passed since its last confirmed
   * renewal, even if it was paused.
   */
  standing(): AgedStanding;
  /**
   * Does work as the leader. Its transactions must check the epoch. If the check finds another leader, this program
   * steps down.
   * @throws NotLeaderError if this program is not the leader; nothing was done then
   * @throws FencedError if another program has become the leader
   */
  asLeader<T>(work: (epoch: number) => Promise<T>): Promise<T>;
  /**
   * Does work that continues while the leader is unknown, for example while etcd is stopped: with the last recorded
   * epoch of this program. Its transactions must check the epoch, which fails once another leader is recorded.
   * @throws NotLeaderError if this program was never recorded as the leader, or was overtaken; nothing was done then
   * @throws FencedError if another program has become the leader
   */
  untilOvertaken<T>(work: (epoch: number) => Promise<T>): Promise<T>;
  /** Takes part until the signal is aborted; then gives up the leadership. */
  readonly ended: Promise<void>;
}

export interface ElectionOptions {
  /** Name of this program, for people. */
  readonly name: string;
  readonly key: LeaderKey;
  readonly fence: Fence;
  readonly clock: MonotonicClock;
  readonly times: ElectionTimes;
  readonly log: Logger;
  readonly signal: AbortSignal;
}

/** Thrown if work of the leader is requested from a program that is not, or no longer, the leader. */
export class NotLeaderError extends ControlPlaneError {
  constructor(what = 'this program does not lead') {
    super({ what, fix: 'The leader does it.' });
  }
}

/** Milliseconds after a failure until the next attempt. */
const RETRY_AFTER = 1_000;

/** A period in which this program is the leader. */
interface Term {
  readonly epoch: number;
  /**
   * When its lease was last confirmed: the moment before etcd was asked, so that the lease ends no earlier than
   * assumed.
   */
  confirmedAt: number;
  /** Aborted, with the reason, when another program is the leader. */
  readonly overtaken: AbortController;
}

/**
 * Takes part in the election of a single leader. The program that takes the leader's key leads as long as it renews its
 * lease; the fence records the program before it acts as the leader.
 */
export function startElection(options: ElectionOptions): Election {
  const { name, key, fence, clock, times, log, signal } = options;
  let known: Standing = { role: 'unknown', problem: 'nobody was asked yet' };
  let since = clock.now();
  let confirmedAt = since;
  let term: Term | undefined;
  let enteredEpoch: number | undefined;

  const endOf = (one: Pick<Term, 'confirmedAt'>) => one.confirmedAt + times.stepDownAfter;
  const present = () => (term !== undefined && clock.now() < endOf(term) ? term : undefined);
  const outOfTime = () =>
    new NotLeaderError(`the leadership was not confirmed for ${times.stepDownAfter / 1000} s`);

  /** Awaits work until a moment. @throws NotLeaderError if it takes longer; the work is not awaited any further then */
  const within = async <T>(moment: number, work: Promise<T>): Promise<T> => {
    const settled = new AbortController();
    const limit = clock.sleep(moment - clock.now(), settled.signal).then(() => {
      throw outOfTime();
    });
    try {
      return await Promise.race([work, limit]);
    } finally {
      settled.abort();
      await Promise.allSettled([limit]);
    }
  };

  const learn = (standing: Standing) => {
    confirmedAt = clock.now();
    const isNews = !isSame(known, standing);
    known = standing;
    if (!isNews) return;
    since = confirmedAt;
    if (standing.role === 'leader') log.info(`leads, with epoch ${standing.epoch}`);
    else if (standing.role === 'follower') log.info(`follows ${standing.leader}`);
    else log.warning(`who leads is not known: ${standing.problem}`);
  };

  const takePart = async () => {
    while (!signal.aborted) {
      try {
        await campaign();
      } catch (error) {
        if (!(error instanceof ControlPlaneError)) throw error;
        learn({ role: 'unknown', problem: error.message });
        await clock.sleep(RETRY_AFTER, signal);
      }
    }
  };

  /** Follows the leader for a while, or becomes the leader. */
  const campaign = async () => {
    const held = await key.read();
    if (held === undefined) return await lead();
    learn({ role: 'follower', leader: held.holder });
    await follow(held.revision);
  };

  /** Waits until there may be another leader. The next read of the key finds a change that was not reported. */
  const follow = async (revision: number) => {
    const ending = new AbortController();
    const limit = AbortSignal.any([ending.signal, signal]);
    const change = key.waitUntilFree(revision, limit);
    try {
      await Promise.race([change, clock.sleep(times.renewEvery, limit)]);
    } catch (error) {
      if (!(error instanceof ControlPlaneError)) throw error;
      log.debug(`changes of the leader are not reported: ${error.message}`);
      await clock.sleep(RETRY_AFTER, signal);
    } finally {
      ending.abort();
    }
  };

  /** Takes the key and leads, unless another program was faster. */
  const lead = async () => {
    const askedAt = clock.now();
    const lease = await key.grantLease(times.lease / 1000);
    try {
      const { isTaken, holder, revision } = await key.take(name, lease);
      if (!isTaken) return learn({ role: 'follower', leader: holder });
      await serve(lease, revision, askedAt);
    } finally {
      term = undefined;
      await letGo(lease);
    }
  };

  /** Leads until the signal is aborted. @throws ControlPlaneError if it is overtaken or out of time */
  const serve = async (lease: Lease, revision: number, askedAt: number) => {
    const entering = fence.enter({ epoch: revision, holder: name });
    const epoch = await within(endOf({ confirmedAt: askedAt }), entering);
    term = { epoch, confirmedAt: askedAt, overtaken: new AbortController() };
    enteredEpoch = epoch;
    if (present() === undefined) throw outOfTime();
    learn({ role: 'leader', epoch });
    const end = AbortSignal.any([signal, term.overtaken.signal]);
    let pause = times.renewEvery;
    for (;;) {
      await clock.sleep(Math.min(pause, endOf(term) - clock.now()), end);
      term.overtaken.signal.throwIfAborted();
      if (signal.aborted) return;
      if (present() === undefined) throw outOfTime();
      pause = (await confirm(term, lease)) ? times.renewEvery : RETRY_AFTER;
    }
  };

  /**
   * Renews the lease.
   * @returns whether the leadership is confirmed
   * @throws ControlPlaneError if another program is the leader, or may be
   */
  const confirm = async (own: Term, lease: Lease): Promise<boolean> => {
    const askedAt = clock.now();
    try {
      const isAlive = await within(endOf(own), key.renewLease(lease));
      if (!isAlive) throw new NotLeaderError('the lease of the leadership has ended');
      own.confirmedAt = askedAt;
      learn({ role: 'leader', epoch: own.epoch });
      await within(endOf(own), fence.check(own.epoch));
      return true;
    } catch (error) {
      if (error instanceof FencedError || error instanceof NotLeaderError) throw error;
      if (!(error instanceof ControlPlaneError)) throw error;
      log.warning(`the leadership is not confirmed: ${error.message}`);
      return false;
    }
  };

  /** Revokes the lease, so that others can take the key at once. If that fails, the key is free when the lease ends. */
  const letGo = async (lease: Lease) => {
    try {
      await key.revokeLease(lease);
    } catch (error) {
      if (!(error instanceof ControlPlaneError)) throw error;
      log.debug(`the lease ends by itself: ${error.message}`);
    }
  };

  const standing = (): Standing => {
    if (known.role !== 'leader' || present() !== undefined) return known;
    return { role: 'unknown', problem: outOfTime().message };
  };

  /** Works with an epoch; if the fence refuses it, this program steps down. */
  const withEpoch = async <T>(
    epoch: number | undefined,
    work: (epoch: number) => Promise<T>,
  ): Promise<T> => {
    if (epoch === undefined) throw new NotLeaderError();
    try {
      return await work(epoch);
    } catch (error) {
      if (error instanceof FencedError) {
        if (enteredEpoch === epoch) enteredEpoch = undefined;
        if (term?.epoch === epoch) term.overtaken.abort(error);
      }
      throw error;
    }
  };

  return {
    standing() {
      const now = clock.now();
      return { ...standing(), age: now - since, confirmedAgo: now - confirmedAt };
    },
    asLeader: (work) => withEpoch(present()?.epoch, work),
    untilOvertaken: (work) => withEpoch(enteredEpoch, work),
    ended: takePart(),
  };
}

/** Whether both standings name the same leader, or none. */
function isSame(one: Standing, other: Standing): boolean {
  if (one.role === 'leader') return other.role === 'leader' && one.epoch === other.epoch;
  if (one.role === 'follower') return other.role === 'follower' && one.leader === other.leader;
  return other.role === 'unknown';
}
