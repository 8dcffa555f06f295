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

export type CustomizationSpec = Row<'customizationSpecs'>;

export const findCustomizationSpec = (db: Executor, id: string) =>
  findRow(db, 'customizationSpecs', id);

export const listCustomizationSpecs = (
  db: Executor,
  projectId: string,
): Promise<CustomizationSpec[]> =>
  listRows(db, 'customizationSpecs', sql`project_id = ${projectId}`);

/** @throws RefusedChangeError if the project has one of this name, or its settings are of the other system */
export const createCustomizationSpec = (db: Executor, spec: NewRow<'customizationSpecs'>) =>
  insertRow(db, 'customizationSpecs', spec);

export const updateCustomizationSpec = (
  db: Executor,
  id: string,
  changes: RowChanges<'customizationSpecs'>,
) => updateRow(db, 'customizationSpecs', id, changes);

export const removeCustomizationSpec = (db: Executor, id: string) =>
  removeRow(db, 'customizationSpecs', id);
