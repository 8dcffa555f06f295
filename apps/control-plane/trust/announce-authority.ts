import { type Kysely, sql } from 'kysely';
import { raiseAlert, resolveAlertOf } from '../database/repositories/alerts.ts';
import { announce, readAnnouncement } from '../database/repositories/announcements.ts';
import type { DB } from '../database/schema.ts';
import type { Authority } from './authority.ts';

/** Identifies the alert about a lost authority. */
const LOST = {
  title: 'The certificate authority was lost',
  sourceType: 'CONTROL_PLANE',
  sourceName: 'authority',
} as const;

/**
 * Announces the roots of the authority to hosts. Raises an alert if there are hosts and they trust none of these roots,
 * because the authority was lost and created again: they cannot connect. Resolves the alert once an authority that was
 * lost is back. All of it happens in one transaction, so that the alert is also raised if the program that created the
 * authority ended before it reached the database.
 * @returns version of the announcement, and the alert's message; undefined without one
 * @throws if the database refuses
 */
export async function announceAuthority(
  db: Kysely<DB>,
  { where, isNew, roots }: Pick<Authority, 'where' | 'isNew' | 'roots'>,
): Promise<{ version: bigint; lost: string | undefined }> {
  return await db.transaction().execute(async (transaction) => {
    const former = await readAnnouncement(transaction, 'trust-bundle');
    const isKnown = former === undefined ? !isNew : roots.some((root) => former.includes(root));
    const version = await announce(transaction, 'trust-bundle', roots.join(''));
    const { rows } = await sql<{ hosts: number }>`
      SELECT count(*)::int AS hosts FROM nodes`.execute(transaction);
    const hosts = rows[0]?.hosts ?? 0;
    if (isKnown || hosts === 0) return { version, lost: undefined };
    const before = (await readAnnouncement(transaction, 'former-trust-bundles')) ?? '';
    await announce(transaction, 'former-trust-bundles', `${before}${former ?? ''}`);
    if (roots.some((root) => before.includes(root))) {
      await resolveAlertOf(transaction, LOST, new Date());
      return { version, lost: undefined };
    }
    const message = `${where} was missing and was made anew: the ${hosts} hosts of this control plane trust the former one, and cannot connect. Put it back from a backup, or let them join again.`;
    await raiseAlert(transaction, { ...LOST, severity: 'CRITICAL', message });
    return { version, lost: message };
  });
}
