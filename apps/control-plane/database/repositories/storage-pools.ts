import { sql } from 'kysely';
import type { Executor } from '../database.ts';
import { createRowOperations, listRows, type Row } from '../rows.ts';

export type StoragePool = Row<'storagePools'>;
export type PoolHostStatus = Row<'poolHostStatuses'>;

const rows = createRowOperations('storagePools');

export const findStoragePool = rows.find;

/** Lists pools, oldest first. @param assignedTo only those assigned to this node */
export function listStoragePools(
  db: Executor,
  { assignedTo }: { assignedTo?: string } = {},
): Promise<StoragePool[]> {
  const where =
    assignedTo === undefined ? undefined : sql`${[assignedTo]}::uuid[] <@ assigned_node_ids`;
  return listRows(db, 'storagePools', where);
}

/** @throws RefusedChangeError if the project has a managed pool of this name */
export const createStoragePool = rows.create;

export const updateStoragePool = rows.update;

/** @throws RefusedChangeError while it contains volumes */
export const removeStoragePool = rows.remove;

/** Lists the state of a pool on each host that reported it. */
export async function listPoolHostStatuses(
  db: Executor,
  poolId: string,
): Promise<PoolHostStatus[]> {
  return await db
    .selectFrom('poolHostStatuses')
    .selectAll()
    .where('poolId', '=', poolId)
    .orderBy('nodeId')
    .execute();
}
