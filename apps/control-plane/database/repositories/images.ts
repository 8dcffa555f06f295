import { sql } from 'kysely';
import type { Executor } from '../database.ts';
import { createRowOperations, listRows, type Row } from '../rows.ts';

export type Image = Row<'images'>;

const rows = createRowOperations('images');

export const findImage = rows.find;

/** Lists the images that a project may use, its own and public ones, oldest first. */
export const listImages = (db: Executor, projectId: string): Promise<Image[]> =>
  listRows(db, 'images', sql`project_id = ${projectId} OR visibility = 'PUBLIC'`);

/** @throws RefusedChangeError if the project has an image of this name */
export const createImage = rows.create;

export const updateImage = rows.update;

export const removeImage = rows.remove;
