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
import type { ValueOf } from '../values.ts';

export type VirtualMachine = Row<'virtualMachines'>;
export type PowerState = ValueOf<'virtual_machines_power_state'>;

/** The fields of a virtual machine that people define; reports never change them. */
export type Definition = Pick<
  RowChanges<'virtualMachines'>,
  'name' | 'projectId' | 'description' | 'labels' | 'spec' | 'folderId'
>;

/** The values of a new virtual machine. */
export type NewVirtualMachine = Pick<
  NewRow<'virtualMachines'>,
  'name' | 'projectId' | 'description' | 'labels' | 'spec' | 'folderId' | 'createdBy'
>;

export const findVirtualMachine = (db: Executor, id: string) => findRow(db, 'virtualMachines', id);

/** Lists virtual machines, oldest first. */
export function listVirtualMachines(
  db: Executor,
  { nodeId, projectId }: { nodeId?: string; projectId?: string } = {},
): Promise<VirtualMachine[]> {
  const ofNode = nodeId === undefined ? sql`true` : sql`node_id = ${nodeId}`;
  const ofProject = projectId === undefined ? sql`true` : sql`project_id = ${projectId}`;
  return listRows(db, 'virtualMachines', sql`${ofNode} AND ${ofProject}`);
}

/**
 * Defines a virtual machine. Its power state is unknown until its host reports it.
 * @throws RefusedChangeError if the project has one of this name, or it refers to something that does not exist
 */
export function defineVirtualMachine(
  db: Executor,
  definition: NewVirtualMachine,
): Promise<VirtualMachine> {
  return insertRow(db, 'virtualMachines', definition);
}

/** Changes the fields that people define. */
export function redefineVirtualMachine(
  db: Executor,
  id: string,
  definition: Definition,
): Promise<VirtualMachine | undefined> {
  return updateRow(db, 'virtualMachines', id, definition);
}

/** Takes a reported virtual machine under management, in a project. */
export function adoptVirtualMachine(
  db: Executor,
  id: string,
  { projectId, folderId }: { projectId: string; folderId: string | null },
): Promise<VirtualMachine | undefined> {
  return updateRow(db, 'virtualMachines', id, {
    projectId,
    folderId,
    origin: 'imported',
    isManaged: true,
  });
}

export const removeVirtualMachine = (db: Executor, id: string) =>
  removeRow(db, 'virtualMachines', id);
