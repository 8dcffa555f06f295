import { type Kysely, sql } from 'kysely';
import { summarizePools } from '../../reconciliation/pool-records.ts';
import type { Executor } from '../database.ts';
import type { Row } from '../rows.ts';
import type { DB } from '../schema.ts';
import type { ValueOf } from '../values.ts';
import { enterAudit } from './audit-log.ts';

/** A node that was deleted or has left. */
export type DepartedNode = Row<'departedNodes'>;

/** How and why a node departs. */
export interface Departure {
  readonly nodeId: string;
  readonly how: ValueOf<'departed_nodes_how'>;
  /** Who decided it. */
  readonly by: string;
  readonly reason: string;
  readonly now: Date;
}

/**
 * Records the departure of a node: it is refused from now on, its tasks are removed, and the audit log gets an entry.
 * If the node was deleted, it is removed from the inventory, along with the virtual machines and pools that were known
 * only from its reports; its managed virtual machines are marked as lost. If the node has left, its last reported state
 * stays, and its phase is DISCONNECTED. Virtual machines that other nodes report, too, stay in both cases: the full
 * states of those nodes are requested, to determine where the virtual machines are.
 * @returns whether the node existed
 */
export async function departNode(
  db: Kysely<DB>,
  { nodeId, how, by, reason, now }: Departure,
): Promise<boolean> {
  return await db.transaction().execute(async (transaction) => {
    const node = await transaction
      .selectFrom('nodes')
      .select('hostname')
      .where('id', '=', nodeId)
      .forUpdate()
      .executeTakeFirst();
    if (node === undefined) return false;
    const { hostname } = node;
    const departure = { hostname, how, departedAt: now, departedBy: by, reason };
    await transaction
      .insertInto('departedNodes')
      .values({ nodeId, ...departure })
      .onConflict((conflict) => conflict.column('nodeId').doUpdateSet(departure))
      .execute();
    await transaction.deleteFrom('tasks').where('nodeId', '=', nodeId).execute();
    await wantFullStatesOfOthers(transaction, nodeId, now);
    if (how === 'DELETED') await removeFromInventory(transaction, nodeId, now);
    else {
      await sql`UPDATE nodes SET phase = 'DISCONNECTED' WHERE id = ${nodeId}`.execute(transaction);
    }
    await enterAudit(transaction, {
      ...{ action: how === 'DELETED' ? 'node.delete' : 'node.leave', username: by },
      ...{ resourceType: 'node', resourceId: nodeId, resourceName: hostname, details: { reason } },
    });
    return true;
  });
}

/** Requests the full states of the nodes that report virtual machines of a node, too. */
async function wantFullStatesOfOthers(db: Executor, nodeId: string, now: Date): Promise<void> {
  await sql`
    UPDATE nodes SET full_state_wanted_at = ${now}
    WHERE id IN (
      SELECT other.node_id FROM reported_vms AS other JOIN reported_vms AS own USING (vm_id)
      WHERE own.node_id = ${nodeId} AND other.node_id <> ${nodeId}
    )`.execute(db);
}

async function removeFromInventory(db: Executor, nodeId: string, now: Date): Promise<void> {
  const elsewhere = sql`
    SELECT FROM reported_vms AS other
    WHERE other.vm_id = virtual_machines.id::text AND other.node_id <> ${nodeId}`;
  await sql`
    DELETE FROM virtual_machines
    WHERE node_id = ${nodeId} AND NOT is_managed AND NOT EXISTS (${elsewhere})`.execute(db);
  await sql`
    UPDATE virtual_machines
    SET power_state = 'UNKNOWN', lost_reason = 'its node was deleted', lost_at = ${now}
    WHERE node_id = ${nodeId} AND lost_at IS NULL AND NOT EXISTS (${elsewhere})`.execute(db);
  const { rows: pools } = await sql<{ poolId: string }>`
    DELETE FROM pool_host_statuses WHERE node_id = ${nodeId} RETURNING pool_id`.execute(db);
  // Also removes those that only this node had. The others may be well again without it.
  await summarizePools(
    db,
    pools.map(({ poolId }) => poolId),
  );
  await sql`DELETE FROM nodes WHERE id = ${nodeId}`.execute(db);
}

/** Finds the departure of a node; `undefined` if it has not departed, or was readmitted. */
export async function findDepartedNode(
  db: Executor,
  nodeId: string,
): Promise<DepartedNode | undefined> {
  return await db
    .selectFrom('departedNodes')
    .selectAll()
    .where('nodeId', '=', nodeId)
    .executeTakeFirst();
}

/** Lists departed nodes, the last one first. */
export async function listDepartedNodes(db: Executor): Promise<DepartedNode[]> {
  return await db.selectFrom('departedNodes').selectAll().orderBy('departedAt', 'desc').execute();
}

/** Removes the record of a node's departure. `useJoinToken` calls it for a new token. @returns whether there was one */
export async function readmitNode(db: Executor, nodeId: string): Promise<boolean> {
  const { numDeletedRows } = await db
    .deleteFrom('departedNodes')
    .where('nodeId', '=', nodeId)
    .executeTakeFirst();
  return numDeletedRows > 0n;
}
