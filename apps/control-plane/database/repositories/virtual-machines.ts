import { sql } from 'kysely';
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
import type { ValueOf } from '../values.ts';

export type VirtualMachine = Row<'virtualMachines'>;
export type PowerState = ValueOf<'virtual_machines_power_state'>;

/** Project and folder of what hosts reported and nobody adopted yet; seeded by the migrations. */
const DISCOVERED_PROJECT = '00000000-0000-0000-0000-000000000002';
const DISCOVERED_FOLDER = '10000000-0000-0000-0000-000000000003';

/** What people define of a virtual machine; a report changes none of it. */
export type Definition = Pick<
  RowChanges<'virtualMachines'>,
  'name' | 'projectId' | 'description' | 'labels' | 'spec' | 'folderId'
>;

/** What a virtual machine is defined by. */
export type NewVirtualMachine = Pick<
  NewRow<'virtualMachines'>,
  'name' | 'projectId' | 'description' | 'labels' | 'spec' | 'folderId' | 'createdBy'
>;

/** What a host reports of a virtual machine. */
export interface ReportedVirtualMachine {
  readonly id: string;
  readonly name: string;
  readonly powerState: PowerState;
}

export const findVirtualMachine = (db: Executor, id: string) => findRow(db, 'virtualMachines', id);

/** Virtual machines, oldest first. */
export function listVirtualMachines(
  db: Executor,
  { nodeId, projectId }: { nodeId?: string; projectId?: string } = {},
): Promise<VirtualMachine[]> {
  const ofNode = nodeId === undefined ? sql`true` : sql`node_id = ${nodeId}`;
  const ofProject = projectId === undefined ? sql`true` : sql`project_id = ${projectId}`;
  return listRows(db, 'virtualMachines', sql`${ofNode} AND ${ofProject}`);
}

/**
 * Defines a virtual machine. Its power state is not known until its host reports it.
 * @throws RefusedChangeError if the project has one of this name, or something it refers to is not there
 */
export function defineVirtualMachine(
  db: Executor,
  definition: NewVirtualMachine,
): Promise<VirtualMachine> {
  return insertRow(db, 'virtualMachines', definition);
}

/** Changes what people define. */
export function redefineVirtualMachine(
  db: Executor,
  id: string,
  definition: Definition,
): Promise<VirtualMachine | undefined> {
  return updateRow(db, 'virtualMachines', id, definition);
}

/** Takes a virtual machine that a host reported under management, in a project. */
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

/**
 * Records what a host reports, all of it in one statement: power state and presence of those that are known, and a record of
 * those that are not, as discovered and unmanaged. A machine that is as it was recorded is not written.
 * @returns ids of the rows that were written
 * @throws RefusedChangeError if a value is none
 */
export async function recordReportedVirtualMachines(
  db: Executor,
  nodeId: string,
  machines: readonly ReportedVirtualMachine[],
): Promise<string[]> {
  const { rows } = await explainRefusal(
    sql<{ id: string }>`
      INSERT INTO virtual_machines AS kept
        (id, name, project_id, folder_id, origin, is_managed, node_id, power_state, last_seen)
      SELECT sent.id, sent.name, ${DISCOVERED_PROJECT}, ${DISCOVERED_FOLDER}, 'host-discovered', false,
        ${nodeId}, sent.power_state, now()
      FROM unnest(
        ${machines.map(({ id }) => id)}::uuid[],
        ${machines.map(({ name }) => name)}::text[],
        ${machines.map(({ powerState }) => powerState)}::text[]
      ) AS sent (id, name, power_state)
      ON CONFLICT (id) DO UPDATE
      SET node_id = excluded.node_id, power_state = excluded.power_state, last_seen = excluded.last_seen,
        lost_reason = NULL, lost_at = NULL
      WHERE (kept.node_id, kept.power_state) IS DISTINCT FROM (excluded.node_id, excluded.power_state)
        OR kept.lost_at IS NOT NULL
      RETURNING id`.execute(db),
  );
  return rows.map(({ id }) => id);
}

/**
 * Draws the conclusion from a complete list of a host: what is recorded as on this host and is not in it is gone. Managed
 * machines are marked as lost, those that were only discovered are removed.
 * @param present ids in the complete list
 */
export async function recordAbsentVirtualMachines(
  db: Executor,
  nodeId: string,
  { present, reason }: { present: readonly string[]; reason: string },
): Promise<{ lost: string[]; removed: string[] }> {
  const absent = sql`node_id = ${nodeId} AND NOT id = ANY (${present}::uuid[])`;
  const lost = await sql<{ id: string }>`
    UPDATE virtual_machines SET power_state = 'UNKNOWN', lost_reason = ${reason}, lost_at = now()
    WHERE ${absent} AND is_managed AND lost_at IS NULL RETURNING id`.execute(db);
  const removed = await sql<{ id: string }>`
    DELETE FROM virtual_machines WHERE ${absent} AND NOT is_managed RETURNING id`.execute(db);
  return { lost: lost.rows.map(({ id }) => id), removed: removed.rows.map(({ id }) => id) };
}
