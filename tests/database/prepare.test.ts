import { sql } from 'kysely';
import { expect, test } from 'vitest';
import { openDatabase } from '../../apps/control-plane/database/database.ts';
import { openTestDatabase, SILENT } from './database.ts';

test('a statement that runs often is prepared, unless a migration may change its result columns', async () => {
  await using opened = await openTestDatabase();
  await using stack = new AsyncDisposableStack();
  const { db, close } = openDatabase(opened.address, { open: 1, idle: 1 }, SILENT);
  stack.defer(close);
  const prepared = async () => {
    const { rows } = await sql<{ statement: string }>`
      SELECT statement FROM pg_prepared_statements ORDER BY prepare_time, name`.execute(db);
    return rows.map(({ statement }) => statement);
  };
  const square = (one: number) => sql<{ n: number }>`SELECT ${one}::int ^ 2 AS n`.execute(db);
  for (const one of [1, 2, 3, 4, 5]) expect((await square(one)).rows).toEqual([{ n: one ** 2 }]);
  expect(await prepared()).toEqual([]);
  for (const one of [6, 7, 8]) expect((await square(one)).rows).toEqual([{ n: one ** 2 }]);
  expect(await prepared()).toEqual(['SELECT $1::int ^ 2 AS n']);

  await sql`CREATE TABLE growing (one int)`.execute(db);
  for (let run = 0; run < 10; run += 1) await sql`SELECT * FROM growing`.execute(db);
  await sql`ALTER TABLE growing ADD COLUMN two int DEFAULT 2`.execute(db);
  await sql`INSERT INTO growing (one) VALUES (1)`.execute(db);
  expect((await sql`SELECT * FROM growing`.execute(db)).rows).toEqual([{ one: 1, two: 2 }]);
});

test('many different statements do not fill the server’s memory', async () => {
  await using opened = await openTestDatabase();
  await using stack = new AsyncDisposableStack();
  const { db, close } = openDatabase(opened.address, { open: 1, idle: 1 }, SILENT);
  stack.defer(close);
  for (let column = 0; column < 300; column += 1) {
    const statement = sql`SELECT ${1}::int AS ${sql.ref(`c${column}`)}`;
    for (let run = 0; run < 7; run += 1) {
      expect((await statement.execute(db)).rows).toEqual([{ [`c${column}`]: 1 }]);
    }
  }
  const { rows } = await sql<{ count: number }>`
    SELECT count(*) AS count FROM pg_prepared_statements`.execute(db);
  expect(rows[0]?.count).toBe(256);
});
