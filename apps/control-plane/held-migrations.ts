import type { Confirmation } from '../update/confirmation.ts';
import type { Migration } from './database/migration-files.ts';

/** The part of a confirmation that is used here. */
export type Confirmed = Pick<Confirmation, 'problem'>;

/**
 * Returns why pending migrations are not applied yet: if the running version is rolled back, the database must still
 * have the previous version's schema.
 * @returns undefined if nothing is pending, or the running version is confirmed
 */
export async function findReasonToHold(
  pending: readonly Pick<Migration, 'name'>[],
  confirmed: Confirmed,
): Promise<string | undefined> {
  const problem = pending.length === 0 ? undefined : await confirmed.problem();
  if (problem === undefined) return undefined;
  const names = pending.map(({ name }) => name).join(', ');
  const wait = pending.length === 1 ? `migration ${names} waits` : `migrations ${names} wait`;
  return `${wait} until this version is confirmed; until then, hosts and commands are not served: ${problem}`;
}
