import { createHash, randomBytes } from 'node:crypto';
import { sql } from 'kysely';
import type { Executor } from '../database.ts';
import { insertRow, type Row } from '../rows.ts';

/** A session without its hash. */
export type Session = Omit<Row<'sessions'>, 'tokenHash'>;

/** Milliseconds after which an unused session ends, and the longest time of a session. */
const IDLE = 60 * 60 * 1000;
const LONGEST = 12 * 60 * 60 * 1000;

/** Milliseconds between two writes of the time of a session's last use: not every request writes it. */
const NOTE_EVERY = 60 * 1000;

/** Milliseconds for which an expired session is kept: it shows from which networks a user has logged in. */
const KEPT = 30 * 24 * 60 * 60 * 1000;

const SECRET_BYTES = 32;

/** Who logs in, and from where. */
export interface NewSession {
  readonly userId: string;
  readonly address: string;
  /** See `networkOf`. */
  readonly network: string;
  readonly userAgent: string;
  readonly now: Date;
}

/** Starts a session. @returns its secret in base64url, which is not stored */
export async function beginSession(
  db: Executor,
  { userId, address, network, userAgent, now }: NewSession,
): Promise<{ secret: string; session: Session }> {
  const secret = randomBytes(SECRET_BYTES).toString('base64url');
  const { tokenHash: _hash, ...session } = await insertRow(db, 'sessions', {
    ...{ userId, address, network, userAgent: userAgent.slice(0, 255) },
    ...{ tokenHash: hashOf(secret), createdAt: now, lastUsedAt: now },
    expiresAt: new Date(now.getTime() + LONGEST),
  });
  return { secret, session };
}

/** A session found by its secret, and its user. */
export interface SessionUse {
  readonly sessionId: string;
  readonly userId: string;
  readonly username: string;
  readonly mustChangePassword: boolean;
}

/**
 * Finds a session by its secret, and records its use.
 * @returns `undefined` if the session does not exist, has ended, was unused for an hour or is older than twelve hours,
 *   or its user is disabled
 */
export async function useSession(
  db: Executor,
  secret: string,
  now: Date,
): Promise<SessionUse | undefined> {
  const found = await db
    .selectFrom('sessions as session')
    .innerJoin('users as user', 'user.id', 'session.userId')
    .select([
      'session.id as sessionId',
      'session.lastUsedAt',
      'user.id as userId',
      'user.username',
      'user.mustChangePassword',
    ])
    .where('tokenHash', '=', hashOf(secret))
    .where('endedAt', 'is', null)
    .where('expiresAt', '>', now)
    .where('lastUsedAt', '>', new Date(now.getTime() - IDLE))
    .where('user.enabled', '=', true)
    .executeTakeFirst();
  if (found === undefined) return undefined;
  const { lastUsedAt, ...use } = found;
  if (now.getTime() - lastUsedAt.getTime() >= NOTE_EVERY) {
    await db
      .updateTable('sessions')
      .set({ lastUsedAt: now })
      .where('id', '=', use.sessionId)
      .execute();
  }
  return use;
}

/** Ends one session of a user, or all of them. @returns how many were open */
export async function endSessions(
  db: Executor,
  userId: string,
  { now, id }: { now: Date; id?: string },
): Promise<number> {
  let ending = db
    .updateTable('sessions')
    .set({ endedAt: now })
    .where('userId', '=', userId)
    .where('endedAt', 'is', null)
    .where('expiresAt', '>', now)
    .where('lastUsedAt', '>', new Date(now.getTime() - IDLE));
  if (id !== undefined) ending = ending.where('id', '=', id);
  const { numUpdatedRows } = await ending.executeTakeFirst();
  return Number(numUpdatedRows);
}

/** Lists the open sessions of a user, newest first. */
export async function listSessions(db: Executor, userId: string, now: Date): Promise<Session[]> {
  const rows = await db
    .selectFrom('sessions')
    .selectAll()
    .where('userId', '=', userId)
    .where('endedAt', 'is', null)
    .where('expiresAt', '>', now)
    .where('lastUsedAt', '>', new Date(now.getTime() - IDLE))
    .orderBy('createdAt', 'desc')
    .orderBy('id')
    .execute();
  return rows.map(({ tokenHash: _hash, ...session }) => session);
}

/** Whether a user has logged in from a network before. */
export async function hasLoggedInFrom(
  db: Executor,
  { userId, network }: { userId: string; network: string },
): Promise<boolean> {
  const { rows } = await sql<{ known: boolean }>`
    SELECT EXISTS (SELECT FROM sessions WHERE user_id = ${userId} AND network = ${network}) AS known`.execute(
    db,
  );
  return rows[0]?.known === true;
}

/** Removes sessions that expired more than a month ago. */
export async function removeOldSessions(db: Executor, now: Date): Promise<void> {
  await db
    .deleteFrom('sessions')
    .where('expiresAt', '<', new Date(now.getTime() - KEPT))
    .execute();
}

/** Hashes a secret; with 256 random bits, it needs neither a salt nor a slow hash. */
function hashOf(secret: string): Buffer {
  return createHash('sha256').update(secret).digest();
}
