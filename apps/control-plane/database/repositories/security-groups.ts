import { sql } from 'kysely';
import type { Executor } from '../database.ts';
import { explainRefusal } from '../refusal.ts';
import { findRow, insertRow, listRows, type NewRow, type Row, removeRow } from '../rows.ts';

export type SecurityGroup = Row<'securityGroups'>;
export type SecurityRule = Row<'securityRules'>;

/** The values of a rule of a group. */
export type NewSecurityRule = Omit<NewRow<'securityRules'>, 'securityGroupId'>;

export const findSecurityGroup = (db: Executor, id: string) => findRow(db, 'securityGroups', id);

export const listSecurityGroups = (db: Executor, projectId: string): Promise<SecurityGroup[]> =>
  listRows(db, 'securityGroups', sql`project_id = ${projectId}`);

/** @throws RefusedChangeError if the project has a group of this name, or already a default one */
export const createSecurityGroup = (db: Executor, group: NewRow<'securityGroups'>) =>
  insertRow(db, 'securityGroups', group);

export const removeSecurityGroup = (db: Executor, id: string) =>
  removeRow(db, 'securityGroups', id);

/** Lists the rules of a group, in the order in which they apply. */
export async function listSecurityRules(db: Executor, groupId: string): Promise<SecurityRule[]> {
  return await db
    .selectFrom('securityRules')
    .selectAll()
    .where('securityGroupId', '=', groupId)
    .orderBy('priority')
    .orderBy('id')
    .execute();
}

/**
 * Replaces all rules of a group at once.
 * @throws RefusedChangeError naming what is wrong; the rules stay unchanged then
 */
export async function replaceSecurityRules(
  db: Executor,
  groupId: string,
  rules: readonly NewSecurityRule[],
): Promise<SecurityRule[]> {
  return await db.transaction().execute(async (transaction) => {
    await transaction.deleteFrom('securityRules').where('securityGroupId', '=', groupId).execute();
    for (const rule of rules) {
      await insertRow(transaction, 'securityRules', { ...rule, securityGroupId: groupId });
    }
    return await listSecurityRules(transaction, groupId);
  });
}

/** Sets the security groups of a virtual machine. */
export async function assignSecurityGroups(
  db: Executor,
  vmId: string,
  groupIds: readonly string[],
): Promise<void> {
  await explainRefusal(
    db.transaction().execute(async (transaction) => {
      await transaction.deleteFrom('vmSecurityGroups').where('vmId', '=', vmId).execute();
      const rows = groupIds.map((securityGroupId) => ({ vmId, securityGroupId }));
      if (rows.length > 0) await transaction.insertInto('vmSecurityGroups').values(rows).execute();
    }),
  );
}

/** Lists the security groups of a virtual machine. */
export async function listSecurityGroupsOf(db: Executor, vmId: string): Promise<SecurityGroup[]> {
  const where = sql`id IN (SELECT security_group_id FROM vm_security_groups WHERE vm_id = ${vmId})`;
  return await listRows(db, 'securityGroups', where);
}
