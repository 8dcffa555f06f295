import type { Executor } from '../database.ts';
import { createRowOperations, listRows, type Row } from '../rows.ts';

export type User = Row<'users'>;

const rows = createRowOperations('users');

export const findUser = rows.find;

export const listUsers = (db: Executor) => listRows(db, 'users');

/** Finds a user by login name. */
export async function findUserByName(db: Executor, username: string): Promise<User | undefined> {
  return await db
    .selectFrom('users')
    .selectAll()
    .where('username', '=', username)
    .executeTakeFirst();
}

/** @throws RefusedChangeError if there is one of this name or address, or the name has invalid characters */
export const createUser = rows.create;

export const updateUser = rows.update;

/** Removes a user with the user's API keys; entries in the audit log stay. */
export const removeUser = rows.remove;
