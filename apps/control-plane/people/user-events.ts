import type { Executor } from '../database/database.ts';
import { writeEvent } from '../database/repositories/events.ts';
import type { User } from '../database/repositories/users.ts';
import { Allowance, type Rate } from '../node-service/allowance.ts';

/** What happened to an account, or was done by its owner: the second word of the event's kind. */
export type UserEvent =
  | 'logged-in'
  | 'logged-out'
  | 'refused'
  | 'created'
  | 'changed'
  | 'removed'
  | 'key-created'
  | 'key-revoked'
  | 'role-created'
  | 'role-changed'
  | 'role-removed';

/** Writes an event about an account, in the transaction of the change. @param data must not contain secrets */
export async function writeUserEvent(
  db: Executor,
  what: UserEvent,
  { id, username }: Pick<User, 'id' | 'username'>,
  data: Readonly<Record<string, unknown>>,
): Promise<void> {
  const subject = { type: 'USER', id, name: username } as const;
  await writeEvent(db, { kind: `user.${what}`, subject, data });
}

/**
 * Limit of events about refused log-ins, per account, and for all unknown names together. The number of stored events
 * is limited: somebody who guesses passwords must not displace all other events.
 */
const TOLD: Rate = { burst: 3, every: 10 * 60_000 };

/** Selects the refused log-ins that become events; the audit log has all of them. */
export class RefusedLogIns {
  readonly #allowance: Allowance;
  /** Account → number of its refused log-ins without an event since the last one with an event. */
  readonly #untold = new Map<string, number>();

  /** @param elapsed returns milliseconds since an arbitrary moment */
  constructor(elapsed?: () => number) {
    this.#allowance = new Allowance(TOLD, elapsed);
  }

  /** Counts a refused log-in. @returns `undefined` if it gets no event; else how many got none since the last event */
  count(userId: string): number | undefined {
    const untold = this.#untold.get(userId) ?? 0;
    if (this.#allowance.wait(userId) > 0) {
      this.#untold.set(userId, untold + 1);
      return undefined;
    }
    this.#allowance.count(userId);
    this.#untold.delete(userId);
    return untold;
  }
}
