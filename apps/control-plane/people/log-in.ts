import type { Kysely } from 'kysely';
import { ApiError } from '../../http/error.ts';
import type { Executor } from '../database/database.ts';
import { enterAudit } from '../database/repositories/audit-log.ts';
import {
  beginSession,
  endSessions,
  hasLoggedInFrom,
  type Session,
} from '../database/repositories/sessions.ts';
import { findUser, findUserByName, type User, updateUser } from '../database/repositories/users.ts';
import type { DB } from '../database/schema.ts';
import { Allowance, networkOf } from '../node-service/allowance.ts';
import { checkPassword, hashPassword } from './password.ts';
import { RefusedLogIns, writeUserEvent } from './user-events.ts';

/** Where a request comes from. */
export interface Origin {
  readonly address: string;
  readonly userAgent: string;
}

/** A session that was begun. */
export interface Begun {
  /** What its cookie holds. */
  readonly secret: string;
  readonly session: Session;
  readonly user: User;
}

/*
 * How often somebody may try to log in. An account that strangers guess at is closed to networks from which its owner never
 * logged in, and to no other: nobody can be kept out of his account from where he works.
 */
export const RATES = {
  /** From one network, whatever the account. */
  network: { burst: 30, every: 5_000 },
  /** For one account, from one network. */
  pair: { burst: 10, every: 15_000 },
  /** For one account, from all networks that it was never used from. */
  strangers: { burst: 50, every: 15_000 },
};

/** The id of no account. */
const NOBODY = '00000000-0000-0000-0000-000000000000';

/** Logs people in, and changes their passwords. */
export class LogIn {
  readonly #db: Kysely<DB>;
  readonly #now: () => Date;
  readonly #network: Allowance;
  readonly #pair: Allowance;
  readonly #strangers: Allowance;
  readonly #refused: RefusedLogIns;

  /** @param elapsed milliseconds that passed since some moment */
  constructor(
    db: Kysely<DB>,
    {
      now,
      elapsed,
      rates = RATES,
    }: { now: () => Date; elapsed?: () => number; rates?: typeof RATES },
  ) {
    this.#db = db;
    this.#now = now;
    this.#network = new Allowance(rates.network, elapsed);
    this.#pair = new Allowance(rates.pair, elapsed);
    this.#strangers = new Allowance(rates.strangers, elapsed);
    this.#refused = new RefusedLogIns(elapsed);
  }

  /**
   * Begins a session. A name that nobody has is answered as a wrong password is, and as late. Both ends are in the audit log,
   * and events; of many refusals only some are.
   * @throws ApiError 401 if name and password do not belong together, or the account is disabled; 429 if it was tried too often
   */
  async begin(
    { username, password }: { username: string; password: string },
    { address, userAgent }: Origin,
  ): Promise<Begun> {
    const network = networkOf(address);
    const user = await findUserByName(this.#db, username);
    await this.#allow({ username, network, user });
    const { isRight, isOutdated } = await checkPassword(password, user?.passwordHash);
    const begun =
      user !== undefined && isRight && user.enabled
        ? await this.#beginFor(user, {
            ...{ address, userAgent, network },
            passwordHash: isOutdated ? await hashPassword(password) : undefined,
          })
        : undefined;
    if (begun === undefined) {
      // A name that nobody has may be a password in the wrong place.
      const account = user ?? { id: NOBODY, username: '' };
      const untold = this.#refused.count(account.id);
      await this.#db.transaction().execute(async (transaction) => {
        await enterAudit(transaction, {
          ...{ action: 'session.begin', status: 'failure', username, userId: user?.id ?? null },
          ...{ ipAddress: address, userAgent },
        });
        if (untold === undefined) return;
        await writeUserEvent(transaction, 'refused', account, { address, untold });
      });
      throw new ApiError(401, 'name and password do not belong together');
    }
    this.#pair.forget(pairOf(username, network));
    return begun;
  }

  /**
   * Begins a session of whose password was right.
   * @param passwordHash of the same password, at the present cost; undefined if it has that
   * @returns undefined if the account was disabled, removed or given another password meanwhile
   */
  async #beginFor(
    user: User,
    {
      address,
      userAgent,
      network,
      passwordHash,
    }: Origin & { network: string; passwordHash: string | undefined },
  ): Promise<Begun | undefined> {
    const now = this.#now();
    return await this.#db.transaction().execute(async (transaction) => {
      if (!(await isUnchanged(transaction, user))) return undefined;
      const changes = passwordHash === undefined ? {} : { passwordHash };
      const logged = await updateUser(transaction, user.id, { lastLogin: now, ...changes });
      const begun = await beginSession(transaction, {
        ...{ userId: user.id, address, network, userAgent, now },
      });
      await enterAudit(transaction, {
        ...{ action: 'session.begin', username: user.username, userId: user.id },
        ...{ ipAddress: address, userAgent, details: { session: begun.session.id } },
      });
      await writeUserEvent(transaction, 'logged-in', user, { address });
      return { ...begun, user: logged ?? user };
    });
  }

  /**
   * Changes the password of who is logged in: all sessions end, and a new one begins.
   * @throws ApiError 403 if the present password is another; 400 if the new one is no better; 429 if it was tried too often
   */
  async changePassword(
    userId: string,
    { current, next }: { current: string; next: string },
    { address, userAgent }: Origin,
  ): Promise<Begun> {
    const network = networkOf(address);
    const user = await findUser(this.#db, userId);
    if (user === undefined) throw new ApiError(404, 'the account is gone by now');
    const { username } = user;
    await this.#allow({ username, network, user });
    const { isRight } = await checkPassword(current, user.passwordHash);
    if (!isRight) throw new ApiError(403, 'the present password is another');
    this.#pair.forget(pairOf(username, network));
    if (next === current) throw new ApiError(400, 'the new password is the present one');
    refuseWeak(username, next);
    const passwordHash = await hashPassword(next);
    const now = this.#now();
    return await this.#db.transaction().execute(async (transaction) => {
      if (!(await isUnchanged(transaction, user))) {
        throw new ApiError(403, 'the present password is another');
      }
      const changed = await updateUser(transaction, userId, {
        ...{ passwordHash, mustChangePassword: false },
      });
      await endSessions(transaction, userId, { now });
      const begun = await beginSession(transaction, { userId, address, network, userAgent, now });
      await enterAudit(transaction, {
        ...{ action: 'user.change-password', username, userId, ipAddress: address, userAgent },
        ...{ resourceType: 'user', resourceId: userId, resourceName: username },
      });
      await writeUserEvent(transaction, 'changed', user, { changed: ['password'], by: username });
      return { ...begun, user: changed ?? user };
    });
  }

  /** Counts an attempt before it is made: of many at once, those beyond the limit are refused, too. */
  async #allow({
    username,
    network,
    user,
  }: {
    username: string;
    network: string;
    user: User | undefined;
  }): Promise<void> {
    // Asked for nobody, too: the answer takes as long.
    const isKnown = await hasLoggedInFrom(this.#db, { userId: user?.id ?? NOBODY, network });
    const limits: [Allowance, string][] = [
      [this.#network, network],
      [this.#pair, pairOf(username, network)],
    ];
    if (!isKnown) limits.push([this.#strangers, username]);
    const wait = Math.max(...limits.map(([allowance, who]) => allowance.wait(who)));
    if (wait > 0) {
      throw new ApiError(429, 'it was tried too often', {
        fix: 'Wait; from where the account was used before, others do not make you wait.',
        headers: { 'retry-after': String(Math.ceil(wait / 1000)) },
      });
    }
    for (const [allowance, who] of limits) allowance.count(who);
  }
}

/** @throws ApiError 400 if a password is the first that anybody would try */
export function refuseWeak(username: string, password: string): void {
  if (password.toLowerCase() === username || /^(.)\1*$/u.test(password)) {
    throw new ApiError(400, 'the password is easily guessed', {
      fix: 'Take another than the name of the account, and more than one character again and again.',
    });
  }
}

/**
 * Whether an account is as it was read before its password was looked at, which takes a while, and stays so until the end of the
 * transaction. Sessions that are ended with a password or an account would begin again otherwise.
 */
async function isUnchanged(
  transaction: Executor,
  { id, passwordHash }: Pick<User, 'id' | 'passwordHash'>,
): Promise<boolean> {
  const present = await transaction
    .selectFrom('users')
    .select(['passwordHash', 'enabled'])
    .where('id', '=', id)
    .forUpdate()
    .executeTakeFirst();
  return present?.enabled === true && present.passwordHash === passwordHash;
}

function pairOf(username: string, network: string): string {
  return `${username} ${network}`;
}
