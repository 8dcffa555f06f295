import { sql } from 'kysely';
import { ControlPlaneError } from '../../error.ts';
import type { Database, Executor } from '../database.ts';
import {
  findRow,
  insertRow,
  listRows,
  type NewRow,
  type Row,
  removeRow,
  updateRow,
} from '../rows.ts';

export type Folder = Row<'folders'>;

/** Key of the advisory lock under which one folder at a time moves: two moves could make a circle of each other. */
const MOVE_LOCK = 7_305_917_620_155_003;

export const findFolder = (db: Executor, id: string) => findRow(db, 'folders', id);

export const listFolders = (db: Executor, projectId: string): Promise<Folder[]> =>
  listRows(db, 'folders', sql`project_id = ${projectId}`);

/** @throws RefusedChangeError if its parent, or the top of the project, has one of this name */
export const createFolder = (db: Executor, folder: NewRow<'folders'>) =>
  insertRow(db, 'folders', folder);

/** @throws RefusedChangeError if its parent has another one of this name */
export const renameFolder = (db: Executor, id: string, name: string) =>
  updateRow(db, 'folders', id, { name });

/**
 * Moves a folder with all that is in it.
 * @param parentId where to; null for the top
 * @throws ControlPlaneError if that is in the folder itself
 */
export async function moveFolder(
  { db }: Database,
  id: string,
  parentId: string | null,
): Promise<Folder | undefined> {
  return await db.transaction().execute(async (transaction) => {
    await sql`SELECT pg_advisory_xact_lock(${MOVE_LOCK}::bigint)`.execute(transaction);
    const { rows } = await sql<{ inside: boolean }>`
      WITH RECURSIVE above AS (
        SELECT id, parent_id FROM folders WHERE id = ${parentId}
        UNION
        SELECT folder.id, folder.parent_id FROM folders AS folder JOIN above ON folder.id = above.parent_id
      )
      SELECT EXISTS (SELECT FROM above WHERE id = ${id}) AS inside`.execute(transaction);
    if (rows[0]?.inside === true) {
      throw new ControlPlaneError({ what: 'a folder cannot be moved into itself', where: id });
    }
    return await updateRow(transaction, 'folders', id, { parentId });
  });
}

/** Removes a folder with the folders in it; virtual machines that were there are in none then. */
export const removeFolder = (db: Executor, id: string) => removeRow(db, 'folders', id);
