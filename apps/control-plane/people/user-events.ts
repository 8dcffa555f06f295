import type { Executor } from '../database/database.ts';
import { writeEvent } from '../database/repositories/events.ts';
import type { User } from '../database/repositories/users.ts';
import { Allowance, type Rate } from '../node-service/allowance.ts';

/** What happens to an account, or is done by its owner: the second word of the event's kind. */
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

/** Writes an event about an account, in the transaction of what it tells. @param data nothing secret */
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
 * How often refused log-ins are told of one account, and of all names together that nobody has. Only so many events are kept:
 * somebody who guesses does not have all others go.
 */
const TOLD: Rate = { burst: 3, every: 10 * 60_000 };

/** Which refused log-ins are told by an event; the audit log has all of them. */
export class RefusedLogIns {
  readonly #told: Allowance;
  /** Those of an account that were not told, since the last one that was. */
  readonly #untold = new Map<string, number>();

  /** @param elapsed milliseconds that passed since some moment */
  constructor(elapsed?: () => number) {
    this.#told = new Allowance(TOLD, elapsed);
  }

  /** Counts one. @returns `undefined` if it is not to be told, else how many before it were not */
  count(userId: string): number | undefined {
    const untold = this.#untold.get(userId) ?? 0;
    if (this.#told.wait(userId) > 0) {
      this.#untold.set(userId, untold + 1);
      return undefined;
    }
    this.#told.count(userId);
    this.#untold.delete(userId);
    return untold;
  }
}
