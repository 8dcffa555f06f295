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

/** Key of the advisory lock that allows only one folder at a time to move: two concurrent moves could form a cycle. */
const MOVE_LOCK = 7_305_917_620_155_003;

export const findFolder = (db: Executor, id: string) => findRow(db, 'folders', id);

export const listFolders = (db: Executor, projectId: string): Promise<Folder[]> =>
  listRows(db, 'folders', sql`project_id = ${projectId}`);

/** @throws RefusedChangeError if its parent, or the top of the project, has a folder of this name */
export const createFolder = (db: Executor, folder: NewRow<'folders'>) =>
  insertRow(db, 'folders', folder);

/** @throws RefusedChangeError if its parent has another folder of this name */
export const renameFolder = (db: Executor, id: string, name: string) =>
  updateRow(db, 'folders', id, { name });

/**
 * Moves a folder with its content.
 * @param parentId new parent; null for the top
 * @throws ControlPlaneError if the new parent is inside the folder
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

/** Removes a folder with its subfolders; their virtual machines are in no folder afterwards. */
export const removeFolder = (db: Executor, id: string) => removeRow(db, 'folders', id);
