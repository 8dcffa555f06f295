import { sql } from 'kysely';
import type { Executor } from '../database.ts';

/**
 * What the control plane announces to nodes: `planned-endpoints` not by itself, but as a part of `endpoints`.
 * `former-trust-bundles` is what was announced before the authority was lost: it is not announced again, but hosts may
 * still trust it.
 */
export type AnnouncementName =
  | 'endpoints'
  | 'trust-bundle'
  | 'planned-endpoints'
  | 'former-trust-bundles';

/**
 * Records an announcement to nodes, unless its content is unchanged.
 * @returns its version, greater than that of each earlier announcement. It is at least the time in seconds since 1970,
 *   so that versions after a restore are newer than those announced after the backup
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

/** Reads the content of the last announcement; `undefined` if there was none. */
export async function readAnnouncement(
  db: Executor,
  name: AnnouncementName,
): Promise<string | undefined> {
  const row = await db
    .selectFrom('announcements')
    .select('content')
    .where('name', '=', name)
    .executeTakeFirst();
  return row?.content;
}

/** Notifies the program that holds a node's stream that there are changes for the node. */
export async function notifyStream(db: Executor, nodeId: string): Promise<void> {
  await sql`SELECT pg_notify('node_news', ${nodeId})`.execute(db);
}
