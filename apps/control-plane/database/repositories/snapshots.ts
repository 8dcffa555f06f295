import { sql } from 'kysely';
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

export type Snapshot = Row<'vmSnapshots'>;

export const findSnapshot = (db: Executor, id: string) => findRow(db, 'vmSnapshots', id);

export const listSnapshots = (db: Executor, vmId: string): Promise<Snapshot[]> =>
  listRows(db, 'vmSnapshots', sql`vm_id = ${vmId}`);

/** @throws RefusedChangeError if the virtual machine has one of this name, or is not there */
export const createSnapshot = (db: Executor, snapshot: NewRow<'vmSnapshots'>) =>
  insertRow(db, 'vmSnapshots', snapshot);

export const updateSnapshot = (db: Executor, id: string, changes: RowChanges<'vmSnapshots'>) =>
  updateRow(db, 'vmSnapshots', id, changes);

/** Removes the record of a snapshot; those made after it have no parent then. */
export const removeSnapshot = (db: Executor, id: string) => removeRow(db, 'vmSnapshots', id);
