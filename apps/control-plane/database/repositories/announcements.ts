import { sql } from 'kysely';
import type { Executor } from '../database.ts';

/** What nodes are told of the control plane. */
export type AnnouncementName = 'endpoints' | 'trust-bundle';

/**
 * Records what nodes are told, if it is not the same as before.
 * @returns its version: greater than that of all that was told before. It is at least the time, in seconds since 1970, so that
 *   what follows a restored database is newer than what was told after the backup
 */
export async function announce(
  db: Executor,
  name: AnnouncementName,
  content: string,
): Promise<bigint> {
  const { rows } = await sql<{ version: number }>`
    WITH said AS (
      INSERT INTO announcements AS kept (name, version, content)
      VALUES (${name}, extract(epoch FROM now())::bigint, ${content})
      ON CONFLICT (name) DO UPDATE
      SET version = greatest(kept.version + 1, excluded.version), content = excluded.content
      WHERE kept.content <> excluded.content
      RETURNING version
    )
    SELECT version FROM said
    UNION ALL SELECT version FROM announcements WHERE name = ${name} AND NOT EXISTS (SELECT FROM said)`.execute(
    db,
  );
  return BigInt(rows[0]!.version);
}

/** Has whoever holds a node's stream look for what is new of it. */
export async function tellNews(db: Executor, nodeId: string): Promise<void> {
  await sql`SELECT pg_notify('node_news', ${nodeId})`.execute(db);
}

/** Since when a node is to send its full state; `null` if it is not. */
export async function readFullStateWanted(db: Executor, nodeId: string): Promise<Date | null> {
  const row = await db
    .selectFrom('nodes')
    .select('fullStateWantedAt')
    .where('id', '=', nodeId)
    .executeTakeFirst();
  return row?.fullStateWantedAt ?? null;
}
