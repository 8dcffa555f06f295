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
import { Allowance, determineNetwork } from '../node-service/allowance.ts';
import { checkPassword, hashPassword } from './password.ts';
import { RefusedLogIns, writeUserEvent } from './user-events.ts';

/** Origin of a request. */
export interface Origin {
  readonly address: string;
  readonly userAgent: string;
}

/** A new session. */
export interface Begun {
  /** Value of the session cookie. */
  readonly secret: string;
  readonly session: Session;
  readonly user: User;
}

/*
 * Limits of log-in attempts. Strangers who guess an account's password from other networks cause refusals only in
 * networks from which its owner has never logged in: they cannot lock the owner out of the owner's networks.
 */
export const RATES = {
  /** Per network, for all accounts. */
  network: { burst: 30, every: 5_000 },
  /** Per account and network. */
  pair: { burst: 10, every: 15_000 },
  /** Per account, for all networks together from which its owner has never logged in. */
  strangers: { burst: 50, every: 15_000 },
};

/** An id that no account has. */
const NOBODY = '00000000-0000-0000-0000-000000000000';

/** Logs people in, and changes their passwords. */
export class LogIn {
  readonly #db: Kysely<DB>;
  readonly #now: () => Date;
  readonly #network: Allowance;
  readonly #pair: Allowance;
  readonly #strangers: Allowance;
  readonly #refused: RefusedLogIns;

  /** @param elapsed returns milliseconds since an arbitrary moment */
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
   * Starts a session. An unknown name gets the same answer, after the same time, as a wrong password. Success and
   * refusal are recorded in the audit log and as events; of many refusals, only some become events.
   * @throws ApiError 401 if name and password do not match, or the account is disabled; 429 after too many attempts
   */
  async begin(
    { username, password }: { username: string; password: string },
    { address, userAgent }: Origin,
  ): Promise<Begun> {
    const network = determineNetwork(address);
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
      // An unknown name may be a password typed into the wrong field.
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
      throw new ApiError(401, 'the name or the password is wrong');
    }
    this.#pair.forget(pairOf(username, network));
    return begun;
  }

  /**
   * Starts a session after the password was verified.
   * @param passwordHash new hash of the same password at the present cost; undefined if the stored hash has that cost
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
   * Changes the password of a logged-in account: all its sessions end, and a new one starts.
   * @throws ApiError 403 if the present password is wrong; 400 if the new one is weak; 429 after too many attempts
   */
  async changePassword(
    userId: string,
    { current, next }: { current: string; next: string },
    { address, userAgent }: Origin,
  ): Promise<Begun> {
    const network = determineNetwork(address);
    const user = await findUser(this.#db, userId);
    if (user === undefined) throw new ApiError(404, 'the account no longer exists');
    const { username } = user;
    await this.#allow({ username, network, user });
    const { isRight } = await checkPassword(current, user.passwordHash);
    const entry = {
      ...{ action: 'user.change-password', username, userId, ipAddress: address, userAgent },
      ...{ resourceType: 'user', resourceId: userId, resourceName: username },
    };
    if (!isRight) {
      // Somebody may try passwords with a stolen session.
      await enterAudit(this.#db, { ...entry, status: 'failure' });
      throw new ApiError(403, 'the present password is wrong');
    }
    this.#pair.forget(pairOf(username, network));
    if (next === current) throw new ApiError(400, 'the new password is the present one');
    refuseWeak(username, next);
    const passwordHash = await hashPassword(next);
    const now = this.#now();
    return await this.#db.transaction().execute(async (transaction) => {
      if (!(await isUnchanged(transaction, user))) {
        throw new ApiError(403, 'the present password is wrong');
      }
      const changed = await updateUser(transaction, userId, {
        ...{ passwordHash, mustChangePassword: false },
      });
      await endSessions(transaction, userId, { now });
      const begun = await beginSession(transaction, { userId, address, network, userAgent, now });
      await enterAudit(transaction, entry);
      await writeUserEvent(transaction, 'changed', user, { changed: ['password'], by: username });
      return { ...begun, user: changed ?? user };
    });
  }

  /**
   * Counts an attempt before it is made, so that of many concurrent attempts those beyond the limit are refused, too.
   */
  async #allow({
    username,
    network,
    user,
  }: {
    username: string;
    network: string;
    user: User | undefined;
  }): Promise<void> {
    // Query the database for unknown accounts, too, so that the answer takes the same time.
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

/** @throws ApiError 400 if a password is the name of the account, or one character repeated */
export function refuseWeak(username: string, password: string): void {
  if (password.toLowerCase() === username || /^(.)\1*$/u.test(password)) {
    throw new ApiError(400, 'the password is easily guessed', {
      fix: 'Choose one that is neither the name of the account nor one character repeated.',
    });
  }
}

/**
 * Whether an account is still enabled and has the same password hash as before the slow verification of its password;
 * locks it until the end of the transaction. Without this check, a session could start after the password was changed
 * or the account was disabled, both of which end all sessions.
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
