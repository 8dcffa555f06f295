import type { Database } from '../database/database.ts';
import type { Change } from '../solver/changes.ts';
import { compareVersions } from '../version/compare.ts';
import type { Transaction } from './transaction.ts';

/**
 * The changes of a transaction, a line each, in the order of doing: `install NAME VER [@TAG]`,
 * `upgrade|downgrade|replace NAME OLD NEW [@TAG]`, `purge NAME VER`, `reinstall NAME VER [@TAG]`, `pin NAME VER [@TAG]`.
 */
export function changeLines({ solution }: Transaction): string[] {
  const { database } = solution.state;
  return solution.changes
    .map((change) => changeLine(database, change))
    .filter((line) => line !== undefined);
}

/** How many packages are installed afterwards. */
export function installedAfter({ solution }: Transaction): number {
  const { changes, state } = solution;
  const come = changes.filter(({ before }) => before === undefined).length;
  const gone = changes.filter(({ after }) => after === undefined).length;
  return state.database.installed.length + come - gone;
}

function changeLine({ tags }: Database, change: Change): string | undefined {
  const { before, after, tagBefore, tagAfter } = change;
  const tag = tags.name(tagAfter);
  const suffix = tag === '' ? '' : ` @${tag}`;
  if (after === undefined) {
    return before === undefined ? undefined : `purge ${before.name.name} ${before.version}`;
  }
  const { name, version } = after;
  if (before === undefined) return `install ${name.name} ${version}${suffix}`;
  if (before === after) {
    if (change.reinstall) return `reinstall ${name.name} ${version}${suffix}`;
    return tagBefore === tagAfter ? undefined : `pin ${name.name} ${version}${suffix}`;
  }
  const relation = compareVersions(version, before.version);
  const verb = relation > 0 ? 'upgrade' : relation < 0 ? 'downgrade' : 'replace';
  return `${verb} ${name.name} ${before.version} ${version}${suffix}`;
}
