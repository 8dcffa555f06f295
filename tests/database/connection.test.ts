import { sql } from 'kysely';
import { Pool } from 'pg';
import { expect, inject, test } from 'vitest';
import { openTestDatabase, withSuperuser } from './database.ts';

test('a connection that PostgreSQL ends between two statements of a transaction fails this transaction only', async () => {
  await using opened = await openTestDatabase();
  const { db, pool } = opened.database;
  if (!(pool instanceof Pool)) throw new Error('these are not connections of pg');
  const { promise: ended, resolve } = Promise.withResolvers<void>();
  pool.on('connect', (client) => client.once('end', resolve));
  const transaction = db.transaction().execute(async (one) => {
    const { rows } = await sql<{ pid: number }>`SELECT pg_backend_pid() AS pid`.execute(one);
    await withSuperuser(inject('socketFolder'), (client) =>
      client.query('SELECT pg_terminate_backend($1)', [rows[0]?.pid]),
    );
    await ended;
    await sql`SELECT 1`.execute(one);
  });
  await expect(transaction).rejects.toThrow(/connection/);
  expect((await sql`SELECT 1 AS one`.execute(db)).rows).toEqual([{ one: 1 }]);
});
