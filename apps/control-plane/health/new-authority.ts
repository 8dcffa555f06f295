import { sql } from 'kysely';
import type { Executor } from '../database/database.ts';
import { raiseAlert } from '../database/repositories/alerts.ts';

/**
 * Raises an alert if the database has hosts although the certificate authority was created just now: they trust the one
 * that was lost, and cannot connect.
 * @returns its message; undefined if there are no hosts
 * @throws if the database refuses
 */
export async function tellNewAuthority(db: Executor, file: string): Promise<string | undefined> {
  const { rows } = await sql<{ hosts: number }>`SELECT count(*)::int AS hosts FROM nodes`.execute(
    db,
  );
  const hosts = rows[0]?.hosts ?? 0;
  if (hosts === 0) return undefined;
  const message = `${file} was missing and was made anew: the ${hosts} hosts of this control plane trust the former one, and cannot connect. Put it back from a backup, or let them join again.`;
  await raiseAlert(db, {
    severity: 'CRITICAL',
    title: 'The certificate authority was lost',
    message,
    sourceType: 'CONTROL_PLANE',
    sourceName: 'authority',
  });
  return message;
}
