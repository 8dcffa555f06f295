import { createHash, randomBytes } from 'node:crypto';
import { sql } from 'kysely';
import type { Executor } from '../database.ts';
import { insertRow, type Row } from '../rows.ts';

/** A session without what it is known by. */
export type Session = Omit<Row<'sessions'>, 'tokenHash'>;

/** Milliseconds after which a session ends that is not used, and that it lasts at most. */
const IDLE = 60 * 60 * 1000;
const LONGEST = 12 * 60 * 60 * 1000;

/** Milliseconds between two notes that a session is in use: not every request writes. */
const NOTE_EVERY = 60 * 1000;

/** Milliseconds for which a session is kept after its time: from where somebody logged in is known by it. */
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

/** Begins a session. @returns its secret, which is not kept, in base64url */
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

/** The session of a secret, and its user. */
export interface SessionUse {
  readonly sessionId: string;
  readonly userId: string;
  readonly username: string;
  readonly mustChangePassword: boolean;
}

/**
 * Uses a session.
 * @returns `undefined` if there is no such session, it has ended, was not used for an hour or is older than twelve, or its user
 *   is disabled
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

/** Ends sessions of a user: one, or all. @returns how many were open */
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

/** The open sessions of a user, the newest first. */
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

/** Whether somebody has logged in from a network before. */
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

/** Removes sessions whose time was over a month ago. */
export async function removeOldSessions(db: Executor, now: Date): Promise<void> {
  await db
    .deleteFrom('sessions')
    .where('expiresAt', '<', new Date(now.getTime() - KEPT))
    .execute();
}

/** A secret of 256 random bits needs neither salt nor a slow hash. */
function hashOf(secret: string): Buffer {
  return createHash('sha256').update(secret).digest();
}
