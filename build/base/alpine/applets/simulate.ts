import { CACHE, Database } from '../database/database.ts';
import type { Package } from '../database/model.ts';
import { parseAtom, splitList } from '../dependency/dependency.ts';
import { explain } from '../explain/explain.ts';
import { parseStanzas, type Stanza } from '../index/stanza.ts';
import type { Change } from '../solver/changes.ts';
import { compareVersions } from '../version/compare.ts';
import { type Transaction, transact } from './transaction.ts';
import { type AppletCall, AppletError, parseWords } from './words.ts';

/** A text and the file it was read from, for messages. */
export interface Source {
  readonly text: string;
  readonly where: string;
}

/** An index, as named by a line of `/etc/apk/repositories`. The same file may be given again with another tag. */
export interface RepositorySource extends Source {
  /** Tag of the repository, without `@`; empty for none. */
  readonly tag: string;
}

/** A system, and its configured repositories. */
export interface Situation {
  /** Architecture of the system; if absent, packages of all architectures can be installed. */
  readonly architecture?: string | undefined;
  readonly world: Source;
  readonly installed: Source;
  readonly cache?: Source | undefined;
  /** In the order in which they are configured. */
  readonly repositories: readonly RepositorySource[];
}

/**
 * Lists, one line each, what a command of apk would do on a system. The last line is `OK COUNT`, with the number of
 * packages installed afterwards; it is `OK` alone after `--self-upgrade-only`, and if `--preupgrade-only` finds nothing
 * newer. If the command fails, the first line is `ERROR unsatisfiable|syntax|other`, followed by details, each after `|
 * `.
 * @param words a command of apk with its options and operands
 * @throws BuildError if a file of the situation is damaged
 */
export function simulate(situation: Situation, words: readonly string[]): string[] {
  try {
    return outcome(situation, parseWords(words));
  } catch (error) {
    if (!(error instanceof AppletError)) throw error;
    return [`ERROR ${error.refusal}`, ...details([error.message])];
  }
}

function outcome(situation: Situation, call: AppletCall): string[] {
  const database = new Database({ architecture: situation.architecture });
  const world = database.world(worldOf(situation.world));
  fill(database, situation, { offline: call.options.has('no-network') });
  const transaction = transact({ call, database, world });
  if (transaction === undefined) return ['OK'];
  if (transaction.solution.errors > 0) {
    return ['ERROR unsatisfiable', ...details(explain(transaction.solution))];
  }
  const end = transaction.selfUpgrade ? 'OK' : `OK ${installedAfter(transaction)}`;
  return [...changeLines(transaction), end];
}

function details(lines: readonly string[]): string[] {
  return lines.flatMap((line) => line.split('\n')).map((line) => `| ${line}`);
}

function worldOf({ text, where }: Source) {
  return splitList(text).map((word) => {
    const dependency = parseAtom(word, (name) => name);
    if (dependency !== undefined) return dependency;
    throw new AppletError('syntax', {
      what: `${JSON.stringify(word)} is not a valid dependency`,
      where,
      fix: 'Write name, name@tag, name=1.2-r3 (also < > <= >= ~), or !name.',
    });
  });
}

function fill(
  database: Database,
  { installed, cache, repositories }: Situation,
  { offline }: { offline: boolean },
): void {
  database.addInstalled(stanzas(installed), installed.where);
  if (cache !== undefined) database.addCached(stanzas(cache), cache.where);
  const numbers = new Map<string, number>();
  for (const repository of repositories) {
    const { where, tag } = repository;
    const number =
      numbers.get(where) ?? database.addRepository(stanzas(repository), { where, offline });
    numbers.set(where, number);
    database.tags.allow(database.tags.number(tag), number);
  }
  database.link();
}

function stanzas({ text, where }: Source): Stanza[] {
  return parseStanzas(text, where);
}

/**
 * Lists the changes of a transaction in the order in which they are made, one line each: `install NAME VER [@TAG]`,
 * `upgrade|downgrade|replace NAME OLD NEW [@TAG]`, `purge NAME VER`, `reinstall NAME VER [@TAG]` (`skip-reinstall` if
 * the package is not available), `pin NAME VER [@TAG]`.
 */
function changeLines({ solution }: Transaction): string[] {
  const { database } = solution.state;
  return solution.changes
    .map((change) => changeLine(database, change))
    .filter((line) => line !== undefined);
}

/** Returns the number of packages that are installed afterwards. */
function installedAfter({ solution }: Transaction): number {
  const { changes, state } = solution;
  const come = changes.filter(({ before }) => before === undefined).length;
  const gone = changes.filter(({ after }) => after === undefined).length;
  return state.database.installed.length + come - gone;
}

/** Whether a reachable repository or the cache has a package. */
function isObtainable({ available }: Database, { repositories, cached }: Package): boolean {
  return cached || (repositories & available & ~CACHE) !== 0;
}

function changeLine(database: Database, change: Change): string | undefined {
  const { tags } = database;
  const { before, after, tagBefore, tagAfter } = change;
  const tag = tags.name(tagAfter);
  const suffix = tag === '' ? '' : ` @${tag}`;
  if (after === undefined) {
    return before === undefined ? undefined : `purge ${before.name.name} ${before.version}`;
  }
  const { name, version } = after;
  if (before === undefined) return `install ${name.name} ${version}${suffix}`;
  if (before === after) {
    if (change.reinstall) {
      const verb = isObtainable(database, after) ? 'reinstall' : 'skip-reinstall';
      return `${verb} ${name.name} ${version}${suffix}`;
    }
    return tagBefore === tagAfter ? undefined : `pin ${name.name} ${version}${suffix}`;
  }
  const relation = compareVersions(version, before.version);
  const verb = relation > 0 ? 'upgrade' : relation < 0 ? 'downgrade' : 'replace';
  return `${verb} ${name.name} ${before.version} ${version}${suffix}`;
}
