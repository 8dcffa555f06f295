import { sql } from 'kysely';
import { ControlPlaneError } from '../../error.ts';
import type { Executor } from '../database.ts';
import { explainRefusal } from '../refusal.ts';
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

export type Role = Row<'roles'>;

export const findRole = (db: Executor, id: string) => findRow(db, 'roles', id);

export const listRoles = (db: Executor) => listRows(db, 'roles');

/** Creates a custom role. @throws RefusedChangeError if there is one of this name */
export const createRole = (db: Executor, role: Omit<NewRow<'roles'>, 'type'>) =>
  insertRow(db, 'roles', { ...role, type: 'custom' });

/** @throws ControlPlaneError if it is a system role */
export async function updateRole(
  db: Executor,
  id: string,
  changes: Omit<RowChanges<'roles'>, 'type'>,
): Promise<Role | undefined> {
  await refuseSystemRole(db, id);
  return await updateRow(db, 'roles', id, changes);
}

/** Removes a role, from all users as well. @throws ControlPlaneError if it is a system role */
export async function removeRole(db: Executor, id: string): Promise<boolean> {
  await refuseSystemRole(db, id);
  return await removeRow(db, 'roles', id);
}

async function refuseSystemRole(db: Executor, id: string): Promise<void> {
  const role = await findRole(db, id);
  if (role?.type !== 'system') return;
  throw new ControlPlaneError({
    what: `the role ${role.name} belongs to the system and cannot be changed`,
    fix: 'Make a role of your own with it as parent.',
  });
}

/** Assigns a role to a user; does nothing if the user has it. */
export async function assignRole(
  db: Executor,
  { userId, roleId, assignedBy }: { userId: string; roleId: string; assignedBy: string | null },
): Promise<void> {
  const row = { userId, roleId, assignedBy };
  const insertion = db
    .insertInto('userRoles')
    .values(row)
    .onConflict((one) => one.doNothing());
  await explainRefusal(insertion.execute());
}

/** Withdraws a role from a user; does nothing if the user does not have it. */
export async function withdrawRole(db: Executor, userId: string, roleId: string): Promise<void> {
  const removal = db.deleteFrom('userRoles').where('userId', '=', userId);
  await removal.where('roleId', '=', roleId).execute();
}

/**
 * Lists a user's permissions: those of assigned roles and their parents, and those of the system role of the account.
 * @returns sorted, without duplicates
 */
export async function listPermissions(db: Executor, userId: string): Promise<string[]> {
  const { rows } = await sql<{ permission: string }>`
    WITH RECURSIVE held AS (
      SELECT role.id, role.parent_id, role.permissions FROM roles AS role
      WHERE role.id IN (SELECT role_id FROM user_roles WHERE user_id = ${userId})
        OR role.name = (SELECT role FROM users WHERE id = ${userId}) AND role.type = 'system'
      UNION
      SELECT parent.id, parent.parent_id, parent.permissions FROM roles AS parent JOIN held ON parent.id = held.parent_id
    )
    SELECT DISTINCT unnest(permissions) AS permission FROM held
    WHERE (SELECT enabled FROM users WHERE id = ${userId}) ORDER BY 1`.execute(db);
  return rows.map(({ permission }) => permission);
}
