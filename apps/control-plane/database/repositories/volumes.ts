import { sql } from 'kysely';
import type { Executor } from '../database.ts';
import {
  findRow,
  insertRow,
  listRows,
  type NewRow,
  type Row,
  type RowChanges,
  updateRow,
} from '../rows.ts';

export type Volume = Row<'volumes'>;

export const findVolume = (db: Executor, id: string) => findRow(db, 'volumes', id);

/** Lists volumes, oldest first. */
export function listVolumes(
  db: Executor,
  { poolId, attachedVmId }: { poolId?: string; attachedVmId?: string } = {},
): Promise<Volume[]> {
  const ofPool = poolId === undefined ? sql`true` : sql`pool_id = ${poolId}`;
  const ofMachine = attachedVmId === undefined ? sql`true` : sql`attached_vm_id = ${attachedVmId}`;
  return listRows(db, 'volumes', sql`${ofPool} AND ${ofMachine}`);
}

/** @throws RefusedChangeError if the pool has a volume of this name, or does not exist */
export const createVolume = (db: Executor, volume: NewRow<'volumes'>) =>
  insertRow(db, 'volumes', volume);

export const updateVolume = (db: Executor, id: string, changes: RowChanges<'volumes'>) =>
  updateRow(db, 'volumes', id, changes);

/**
 * Attaches a volume to a virtual machine, unless it is attached to another machine.
 * @returns the volume; `undefined` if it does not exist or is attached elsewhere
 */
export async function attachVolume(
  db: Executor,
  id: string,
  vmId: string,
): Promise<Volume | undefined> {
  return await db
    .updateTable('volumes')
    .set({ attachedVmId: vmId, phase: 'IN_USE' })
    .where('id', '=', id)
    .where((where) =>
      where.or([where('attachedVmId', 'is', null), where('attachedVmId', '=', vmId)]),
    )
    .returningAll()
    .executeTakeFirst();
}

export const detachVolume = (db: Executor, id: string) =>
  updateRow(db, 'volumes', id, { attachedVmId: null, phase: 'READY' });

/** Removes a volume that is not attached. @returns whether one was removed */
export async function removeVolume(db: Executor, id: string): Promise<boolean> {
  const { numDeletedRows } = await db
    .deleteFrom('volumes')
    .where('id', '=', id)
    .where('attachedVmId', 'is', null)
    .executeTakeFirst();
  return numDeletedRows > 0n;
}
