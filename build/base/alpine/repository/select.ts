import { BuildError } from '../../../error.ts';
import { transact } from '../applets/transaction.ts';
import { Database } from '../database/database.ts';
import { nameAndVersion, type Package } from '../database/model.ts';
import { formatDependency } from '../dependency/dependency.ts';
import { explain } from '../explain/explain.ts';
import { fileAddress } from './address.ts';
import type { Repository } from './index.ts';

/** A package that is to be installed, and where it comes from. */
export interface SelectedPackage {
  /** `name-version`. */
  readonly name: string;
  /** Canonical (`Q1…`, `Q2…`). */
  readonly identity: string;
  /** Fields of the index. */
  readonly fields: ReadonlyMap<string, string>;
  /** Tag of the repository it is pinned to, without `@`; `undefined` if it is not. */
  readonly tag: string | undefined;
  /** Bytes it takes when installed; one of 0 has no files, and its archive is not opened. */
  readonly installedSize: number;
  readonly url: string;
}

/** What `apk add` would install on an empty system. */
export interface Selection {
  /** In the order of installing. */
  readonly packages: readonly SelectedPackage[];
  /** What `/etc/apk/world` says afterwards. */
  readonly world: readonly string[];
}

/** What is wanted, and where it may come from. */
export interface SelectionRequest {
  /** In the order in which they are configured. */
  readonly repositories: readonly Pick<Repository, 'url' | 'tag' | 'packages'>[];
  /** Dependencies as apk's `add` takes them: `busybox`, `openssl>3`, `nginx@edge`, `!mdev`. */
  readonly wanted: readonly string[];
  /** Architecture of packages whose index does not say. */
  readonly architecture: string;
}

/**
 * Finds what `apk add` would install on an empty system.
 * @throws Unsatisfiable if what is wanted cannot be had; it says why
 * @throws BuildError if something wanted is no dependency
 */
export function selectPackages(request: SelectionRequest): Selection {
  const { repositories, wanted, architecture } = request;
  const database = new Database();
  const byNumber = new Map<number, PackageList>();
  for (const repository of repositories) {
    const { url: where, tag, packages } = repository;
    const number = database.addRepository(packages, { where, offline: false });
    byNumber.set(number, repository);
    database.tags.allow(database.tags.number(tag), number);
  }
  database.link();
  const call = {
    applet: 'add',
    operands: wanted,
    options: new Set<string>(),
    virtual: undefined,
  } as const;
  const transaction = transact({ call, database, world: [] });
  if (transaction === undefined) throw new Error('apk add asked for nothing');
  const { solution } = transaction;
  if (solution.errors > 0) {
    throw new Unsatisfiable(
      explain(solution),
      wanted.filter((one) => isUnknown(one, database)),
    );
  }
  const packages = solution.changes.flatMap(({ after, tagAfter }) => {
    if (after === undefined) return [];
    const tag = database.tags.name(tagAfter);
    return [selected(after, { tag, byNumber, architecture })];
  });
  return { packages, world: transaction.world.map(formatDependency) };
}

type PackageList = SelectionRequest['repositories'][number];

interface Origin {
  tag: string;
  byNumber: ReadonlyMap<number, PackageList>;
  architecture: string;
}

function selected(one: Package, { tag, byNumber, architecture }: Origin): SelectedPackage {
  const name = nameAndVersion(one);
  const repository = repositoryOf(one, byNumber);
  const url = fileAddress(repository.url, one.fields.get('A') || architecture, `${name}.apk`);
  const { identity, fields, installedSize } = one;
  return { name, identity, fields, tag: tag === '' ? undefined : tag, installedSize, url };
}

/** Of repositories that have a package, the first one in a folder of this host, else the first. */
function repositoryOf(one: Package, byNumber: ReadonlyMap<number, PackageList>): PackageList {
  const having = [...byNumber]
    .filter(([number]) => (one.repositories & (1 << number)) !== 0)
    .map(([, repository]) => repository);
  const chosen = having.find(({ url }) => url.startsWith('file:')) ?? having[0];
  if (chosen === undefined) throw new Error(`no repository has ${nameAndVersion(one)}`);
  return chosen;
}

/** Whether nothing has or provides the name that something wanted starts with. */
function isUnknown(wanted: string, database: Database): boolean {
  const name = /^[^!<>=~@]+/.exec(wanted)?.[0];
  return name !== undefined && (database.lookup(name)?.providers.length ?? 0) === 0;
}

/** What is wanted cannot be installed together. */
export class Unsatisfiable extends BuildError {
  /** What contradicts what, a line each. */
  readonly lines: readonly string[];
  /** What of that is wanted and called by a name that nothing has or provides. */
  readonly unknown: readonly string[];

  constructor(lines: readonly string[], unknown: readonly string[]) {
    super({
      what: `what is wanted cannot be installed together:\n  ${lines.join('\n  ')}`,
      fix: 'Take another name or version, or add a repository that has what is missing.',
    });
    this.name = 'Unsatisfiable';
    this.lines = lines;
    this.unknown = unknown;
  }
}
