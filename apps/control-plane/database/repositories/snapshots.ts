import { sql } from 'kysely';
import type { Executor } from '../database.ts';
import { createRowOperations, listRows, type Row } from '../rows.ts';

export type Snapshot = Row<'vmSnapshots'>;

const rows = createRowOperations('vmSnapshots');

export const findSnapshot = rows.find;

export const listSnapshots = (db: Executor, vmId: string): Promise<Snapshot[]> =>
  listRows(db, 'vmSnapshots', sql`vm_id = ${vmId}`);

/** @throws RefusedChangeError if the virtual machine has one of this name, or does not exist */
export const createSnapshot = rows.create;

export const updateSnapshot = rows.update;

/** Removes the record of a snapshot; its children have no parent afterwards. */
export const removeSnapshot = rows.remove;
