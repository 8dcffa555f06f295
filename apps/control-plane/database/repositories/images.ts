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

export type Image = Row<'images'>;

export const findImage = (db: Executor, id: string) => findRow(db, 'images', id);

/** Images that a project may use: its own, and public ones; oldest first. */
export const listImages = (db: Executor, projectId: string): Promise<Image[]> =>
  listRows(db, 'images', sql`project_id = ${projectId} OR visibility = 'PUBLIC'`);

/** @throws RefusedChangeError if the project has an image of this name */
export const createImage = (db: Executor, image: NewRow<'images'>) =>
  insertRow(db, 'images', image);

export const updateImage = (db: Executor, id: string, changes: RowChanges<'images'>) =>
  updateRow(db, 'images', id, changes);

export const removeImage = (db: Executor, id: string) => removeRow(db, 'images', id);
