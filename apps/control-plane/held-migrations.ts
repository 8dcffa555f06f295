import type { Confirmation } from '../update/confirmation.ts';
import type { Migration } from './database/migration-files.ts';

/** What of a confirmation is asked. */
export type Confirmed = Pick<Confirmation, 'problem'>;

/**
 * Why pending migrations are not applied yet: a version that is taken back must leave the database as the one before knows it.
 * @returns undefined if nothing is pending, or the version that runs is confirmed
 */
export async function reasonToHold(
  pending: readonly Pick<Migration, 'name'>[],
  confirmed: Confirmed,
): Promise<string | undefined> {
  const problem = pending.length === 0 ? undefined : await confirmed.problem();
  if (problem === undefined) return undefined;
  const names = pending.map(({ name }) => name).join(', ');
  const wait = pending.length === 1 ? `migration ${names} waits` : `migrations ${names} wait`;
  return `${wait} until this version is confirmed, and hosts and commands are served then: ${problem}`;
}
