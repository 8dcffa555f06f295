import type { Executor } from '../database.ts';
import { createRowOperations, listRows, type Row } from '../rows.ts';

export type VirtualNetwork = Row<'virtualNetworks'>;

const rows = createRowOperations('virtualNetworks');

export const findNetwork = rows.find;

export const listNetworks = (db: Executor) => listRows(db, 'virtualNetworks');

/** @throws RefusedChangeError if there is a network of this name, or the gateway or DHCP range does not fit the network */
export const createNetwork = rows.create;

export const updateNetwork = rows.update;

/** Removes a network with its addresses. */
export const removeNetwork = rows.remove;
