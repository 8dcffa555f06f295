import type { Executor } from '../database.ts';
import {
  findRow,
  insertRow,
  listRows,
  type NewRow,
  type Row,
  type RowChanges,
  removeRow,
  updateRow,
} from '../rows.ts';

export type User = Row<'users'>;

export const findUser = (db: Executor, id: string) => findRow(db, 'users', id);

export const listUsers = (db: Executor) => listRows(db, 'users');

/** Finds a user by the name to log in with, or does not. */
export async function findUserByName(db: Executor, username: string): Promise<User | undefined> {
  return await db
    .selectFrom('users')
    .selectAll()
    .where('username', '=', username)
    .executeTakeFirst();
}

/** @throws RefusedChangeError if there is one of this name or address, or the name has other characters than it may */
export const createUser = (db: Executor, user: NewRow<'users'>) => insertRow(db, 'users', user);

export const updateUser = (db: Executor, id: string, changes: RowChanges<'users'>) =>
  updateRow(db, 'users', id, changes);

/** Removes a user with his API keys; what he did stays in the audit log. */
export const removeUser = (db: Executor, id: string) => removeRow(db, 'users', id);
