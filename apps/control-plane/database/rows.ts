import { type Insertable, type RawBuilder, type Selectable, sql, type Updateable } from 'kysely';
import type { Executor } from './database.ts';
import { explainRefusal } from './refusal.ts';
import type { DB } from './schema.ts';

/** Tables whose rows have an id. */
export type EntityTable = {
  [T in keyof DB]: 'id' extends keyof DB[T] ? T : never;
}[keyof DB];

/** A row as it is read. */
export type Row<T extends keyof DB> = Selectable<DB[T]>;

/** The values of a new row. */
export type NewRow<T extends keyof DB> = Insertable<DB[T]>;

/** The changed values of a row. */
export type RowChanges<T extends keyof DB> = Updateable<DB[T]>;

/** Reads one row. */
export async function findRow<T extends EntityTable>(
  db: Executor,
  table: T,
  id: string,
): Promise<Row<T> | undefined> {
  const query = sql<Row<T>>`SELECT * FROM ${sql.table(table)} WHERE id = ${id}`;
  return (await query.execute(db)).rows[0];
}

/** Reads rows, oldest first. @param where a condition; by default all rows */
export async function listRows<T extends EntityTable>(
  db: Executor,
  table: T,
  where: RawBuilder<unknown> = sql`true`,
): Promise<Row<T>[]> {
  const query = sql<
    Row<T>
  >`SELECT * FROM ${sql.table(table)} WHERE ${where} ORDER BY created_at, id`;
  return (await query.execute(db)).rows;
}

/**
 * Inserts a row; columns that are undefined get their default.
 * @throws RefusedChangeError
 */
export async function insertRow<T extends keyof DB>(
  db: Executor,
  table: T,
  row: NewRow<T>,
): Promise<Row<T>> {
  const given = columnsOf(row);
  const names = sql.join(given.map(([name]) => sql.ref(name)));
  const values = sql.join(given.map(([, value]) => sql`${value}`));
  const query = sql<
    Row<T>
  >`INSERT INTO ${sql.table(table)} (${names}) VALUES (${values}) RETURNING *`;
  const { rows } = await explainRefusal(query.execute(db));
  return rows[0]!;
}

/**
 * Updates columns of a row; writes nothing if they have these values already.
 * @returns the present row; `undefined` if it does not exist
 * @throws RefusedChangeError
 */
export async function updateRow<T extends EntityTable>(
  db: Executor,
  table: T,
  id: string,
  changes: RowChanges<T>,
): Promise<Row<T> | undefined> {
  const given = columnsOf(changes);
  if (given.length === 0) return findRow(db, table, id);
  const settings = sql.join(given.map(([name, value]) => sql`${sql.ref(name)} = ${value}`));
  const different = sql.join(
    given.map(([name, value]) => sql`${sql.ref(name)} IS DISTINCT FROM ${value}`),
    sql` OR `,
  );
  const query = sql<Row<T>>`
    UPDATE ${sql.table(table)} SET ${settings} WHERE id = ${id} AND (${different}) RETURNING *`;
  const { rows } = await explainRefusal(query.execute(db));
  return rows[0] ?? findRow(db, table, id);
}

/**
 * Deletes a row.
 * @returns whether it existed
 * @throws RefusedChangeError if another row refers to it that is not deleted with it
 */
export async function removeRow(db: Executor, table: EntityTable, id: string): Promise<boolean> {
  const query = sql`DELETE FROM ${sql.table(table)} WHERE id = ${id}`;
  const { numAffectedRows } = await explainRefusal(query.execute(db));
  return (numAffectedRows ?? 0n) > 0n;
}

/** The operations that every repository has for its table. */
export interface EntityRows<T extends EntityTable> {
  /** See `findRow`. */
  find(db: Executor, id: string): Promise<Row<T> | undefined>;
  /** See `insertRow`. */
  create(db: Executor, row: NewRow<T>): Promise<Row<T>>;
  /** See `updateRow`. */
  update(db: Executor, id: string, changes: RowChanges<T>): Promise<Row<T> | undefined>;
  /** See `removeRow`. */
  remove(db: Executor, id: string): Promise<boolean>;
}

/** Returns the operations on the rows of a table, for its repository. */
export function createRowOperations<T extends EntityTable>(table: T): EntityRows<T> {
  return {
    find: (db, id) => findRow(db, table, id),
    create: (db, row) => insertRow(db, table, row),
    update: (db, id, changes) => updateRow(db, table, id, changes),
    remove: (db, id) => removeRow(db, table, id),
  };
}

/** Returns the columns with a defined value. */
function columnsOf(row: object): [string, unknown][] {
  const entries: [string, unknown][] = Object.entries(row);
  return entries.filter(([, value]) => value !== undefined);
}
