import { sql } from 'kysely';
import type { Executor } from '../database.ts';
import { createRowOperations, listRows, type Row } from '../rows.ts';

export type CustomizationSpec = Row<'customizationSpecs'>;

const rows = createRowOperations('customizationSpecs');

export const findCustomizationSpec = rows.find;

export const listCustomizationSpecs = (
  db: Executor,
  projectId: string,
): Promise<CustomizationSpec[]> =>
  listRows(db, 'customizationSpecs', sql`project_id = ${projectId}`);

/** @throws RefusedChangeError if the project has one of this name, or its settings are not for the system `type` */
export const createCustomizationSpec = rows.create;

export const updateCustomizationSpec = rows.update;

export const removeCustomizationSpec = rows.remove;
