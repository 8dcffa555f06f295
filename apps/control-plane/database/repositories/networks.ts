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

export type VirtualNetwork = Row<'virtualNetworks'>;

export const findNetwork = (db: Executor, id: string) => findRow(db, 'virtualNetworks', id);

export const listNetworks = (db: Executor) => listRows(db, 'virtualNetworks');

/** @throws RefusedChangeError if there is one of this name, or gateway and DHCP range do not fit the network */
export const createNetwork = (db: Executor, network: NewRow<'virtualNetworks'>) =>
  insertRow(db, 'virtualNetworks', network);

export const updateNetwork = (db: Executor, id: string, changes: RowChanges<'virtualNetworks'>) =>
  updateRow(db, 'virtualNetworks', id, changes);

/** Removes a network with its addresses. */
export const removeNetwork = (db: Executor, id: string) => removeRow(db, 'virtualNetworks', id);
