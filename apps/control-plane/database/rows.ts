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

/** What a new row is made of. */
export type NewRow<T extends keyof DB> = Insertable<DB[T]>;

/** What changes in a row. */
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

/** Reads rows, oldest first. @param where a condition; all rows if absent */
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
 * Adds a row; columns that are undefined get their default.
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
 * Changes columns of a row; where they have these values already nothing is written.
 * @returns the row as it is now; `undefined` if there is none
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
 * Removes a row.
 * @returns whether there was one
 * @throws RefusedChangeError if something refers to it that does not go with it
 */
export async function removeRow(db: Executor, table: EntityTable, id: string): Promise<boolean> {
  const query = sql`DELETE FROM ${sql.table(table)} WHERE id = ${id}`;
  const { numAffectedRows } = await explainRefusal(query.execute(db));
  return (numAffectedRows ?? 0n) > 0n;
}

/** What every repository can do with the rows of its table. */
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

/** The rows of a table, for its repository. */
export function rowsOf<T extends EntityTable>(table: T): EntityRows<T> {
  return {
    find: (db, id) => findRow(db, table, id),
    create: (db, row) => insertRow(db, table, row),
    update: (db, id, changes) => updateRow(db, table, id, changes),
    remove: (db, id) => removeRow(db, table, id),
  };
}

/** The columns that a caller gave a value. */
function columnsOf(row: object): [string, unknown][] {
  const entries: [string, unknown][] = Object.entries(row);
  return entries.filter(([, value]) => value !== undefined);
}
