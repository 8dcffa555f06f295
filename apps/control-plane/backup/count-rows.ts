import type { ClientBase } from 'pg';

/**
 * Table → its number of rows; the name of a table outside the schema `public` begins with its schema:
 * `migrations.ledger`.
 */
export type Counts = Readonly<Record<string, number>>;

/** Counts the rows of all tables of a database, as seen by the current transaction. */
export async function countRows(client: ClientBase): Promise<Counts> {
  const { rows: tables } = await client.query<{ schema: string; name: string }>(`
    SELECT schemaname AS schema, tablename AS name FROM pg_tables
    WHERE schemaname NOT IN ('pg_catalog', 'information_schema') ORDER BY 1, 2`);
  const counts: Record<string, number> = {};
  for (const { schema, name } of tables) {
    const table = `${client.escapeIdentifier(schema)}.${client.escapeIdentifier(name)}`;
    const { rows } = await client.query<{ rows: string }>(`SELECT count(*) AS rows FROM ${table}`);
    counts[schema === 'public' ? name : `${schema}.${name}`] = Number(rows[0]?.rows);
  }
  return counts;
}
