import type { Kysely, Transaction } from 'kysely';
import { sql } from 'kysely';
import { type User as ShownUser, USER_ROLES, type UserRole } from '../../api/users.ts';
import { ApiError } from '../../http/error.ts';
import type { Executor } from '../database/database.ts';
import { enterAudit, type NewAuditEntry } from '../database/repositories/audit-log.ts';
import { endSessions } from '../database/repositories/sessions.ts';
import {
  createUser,
  findUserByName,
  removeUser,
  type User,
  updateUser,
} from '../database/repositories/users.ts';
import type { DB } from '../database/schema.ts';
import { drawPassword, hashPassword } from './password.ts';
import { writeUserEvent } from './user-events.ts';

/** Who acts on an account, for the audit log. */
export type Signature = Pick<NewAuditEntry, 'userId' | 'username' | 'ipAddress' | 'userAgent'>;

/** An account with its initial password, which is shown only once and must be changed at the first log-in. */
export interface Issued {
  readonly user: User;
  readonly password: string;
}

/** Name of the account that the first start creates. */
export const FIRST_ACCOUNT = 'admin';

/** Values of a new account. */
export interface NewAccount {
  readonly username: string;
  readonly email: string | null;
  readonly role: UserRole;
}

/** Converts an account to the form in which answers contain it. */
export function describeUser(user: User): ShownUser {
  const { id, username, email, role, enabled, mustChangePassword } = user;
  return {
    ...{ id, username, email, enabled, mustChangePassword },
    role: USER_ROLES.find((one) => one === role) ?? 'viewer',
    lastLogin: user.lastLogin?.toISOString() ?? null,
    createdAt: user.createdAt.toISOString(),
  };
}

/**
 * Creates an account with a generated password.
 * @throws RefusedChangeError if an account has this name or address, or the name is invalid
 */
export async function addAccount(
  db: Kysely<DB>,
  account: NewAccount,
  by: Signature,
): Promise<Issued> {
  const password = drawPassword();
  const passwordHash = await hashPassword(password);
  const user = await db.transaction().execute(async (transaction) => {
    const made = await createUser(transaction, {
      ...{ ...account, passwordHash, mustChangePassword: true },
    });
    await enter(transaction, 'user.create', made, by, { role: account.role });
    const data = { role: account.role, by: by.username };
    await writeUserEvent(transaction, 'created', made, data);
    return made;
  });
  return { user, password };
}

/**
 * Sets a generated password for an account; its sessions end.
 * @param allow checks in the same transaction that it may be done; the account may have changed since it was read
 * @throws ApiError 404 if the account was removed meanwhile, and what `allow` throws
 */
export async function resetPassword(
  db: Kysely<DB>,
  user: User,
  {
    by,
    now,
    allow,
  }: { by: Signature; now: Date; allow?: (transaction: Transaction<DB>) => Promise<void> },
): Promise<Issued> {
  const password = drawPassword();
  const passwordHash = await hashPassword(password);
  const changed = await db.transaction().execute(async (transaction) => {
    await lockAdmins(transaction);
    await allow?.(transaction);
    const after = requirePresent(
      await updateUser(transaction, user.id, { passwordHash, mustChangePassword: true }),
    );
    await endSessions(transaction, user.id, { now });
    await enter(transaction, 'user.reset-password', user, by);
    const data = { changed: ['password'], by: by.username };
    await writeUserEvent(transaction, 'changed', user, data);
    return after;
  });
  return { user: changed, password };
}

/** Fields of an account that can be changed. */
export interface AccountChanges {
  readonly email?: string | null | undefined;
  readonly role?: UserRole | undefined;
  readonly enabled?: boolean | undefined;
}

/**
 * Changes an account, in a transaction. Disabling it ends its sessions; its API keys do not work while it is disabled.
 * @throws ApiError 409 if no enabled admin would be left
 */
export async function changeAccount(
  transaction: Transaction<DB>,
  user: User,
  changes: AccountChanges,
  { by, now }: { by: Signature; now: Date },
): Promise<User> {
  await lockAdmins(transaction);
  const changed = requirePresent(await updateUser(transaction, user.id, changes));
  if (!changed.enabled) await endSessions(transaction, user.id, { now });
  await refuseLastAdmin(transaction);
  await enter(transaction, 'user.update', user, by, { ...changes });
  const names = (['email', 'role', 'enabled'] as const).filter(
    (name) => changed[name] !== user[name],
  );
  const { role, enabled } = changed;
  if (names.length > 0) {
    const data = { changed: names, role, enabled, by: by.username };
    await writeUserEvent(transaction, 'changed', user, data);
  }
  return changed;
}

/** Removes an account with its sessions and API keys, in a transaction. @throws ApiError 409 as `changeAccount` does */
export async function removeAccount(
  transaction: Transaction<DB>,
  user: User,
  by: Signature,
): Promise<void> {
  await lockAdmins(transaction);
  await removeUser(transaction, user.id);
  await refuseLastAdmin(transaction);
  await enter(transaction, 'user.delete', user, by);
  await writeUserEvent(transaction, 'removed', user, { by: by.username });
}

/** Whether nobody has ever logged in. Only then does the console issue the first password. */
export async function isFirstLogInOpen(db: Executor): Promise<boolean> {
  const { rows } = await sql<{ used: boolean }>`
    SELECT EXISTS (SELECT FROM users WHERE last_login IS NOT NULL) AS used`.execute(db);
  return rows[0]?.used === false;
}

/**
 * Issues a password for the first log-in, and creates its account if it does not exist. Each call sets a new password
 * and so invalidates the previous one; none is stored in plain text.
 * @throws ApiError 409 if somebody has logged in
 */
export async function issueFirstPassword(
  db: Kysely<DB>,
  { by, now }: { by: Signature; now: Date },
): Promise<Issued> {
  if (!(await isFirstLogInOpen(db))) {
    throw new ApiError(409, 'somebody has logged in already', {
      fix: 'qx-controlplane users reset-password NAME gives an account another password.',
    });
  }
  const user = await findUserByName(db, FIRST_ACCOUNT);
  if (user !== undefined) return await resetPassword(db, user, { by, now });
  return await addAccount(db, { username: FIRST_ACCOUNT, email: null, role: 'admin' }, by);
}

/**
 * Locks all admins, in a fixed order, so that only one transaction at a time changes who is an admin: of two admins
 * that disable each other at the same time, the second waits and then sees the first change.
 */
export async function lockAdmins(transaction: Transaction<DB>): Promise<void> {
  await sql`SELECT FROM users WHERE role = 'admin' ORDER BY id FOR UPDATE`.execute(transaction);
}

async function refuseLastAdmin(transaction: Transaction<DB>): Promise<void> {
  const { rows } = await sql<{ enabled: boolean }>`
    SELECT enabled FROM users WHERE role = 'admin'`.execute(transaction);
  if (rows.some(({ enabled }) => enabled)) return;
  throw new ApiError(409, 'nobody would be left who may do everything', {
    fix: 'Make another account an admin first.',
  });
}

async function enter(
  transaction: Transaction<DB>,
  action: string,
  user: User,
  by: Signature,
  details: Readonly<Record<string, string | boolean | null | undefined>> = {},
): Promise<void> {
  await enterAudit(transaction, {
    ...{ ...by, action, details },
    ...{ resourceType: 'user', resourceId: user.id, resourceName: user.username },
  });
}

/** Returns the account. @throws ApiError 404 if it is undefined, because the account was removed */
export function requirePresent(user: User | undefined): User {
  if (user === undefined) throw new ApiError(404, 'the account no longer exists');
  return user;
}
