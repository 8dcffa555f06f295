import { BuildError } from '../../../error.ts';
import { transact } from '../applets/transaction.ts';
import { Database } from '../database/database.ts';
import { nameAndVersion, type Package } from '../database/model.ts';
import { formatDependency } from '../dependency/dependency.ts';
import { explain } from '../explain/explain.ts';
import { makeFileAddress } from './address.ts';
import type { Repository } from './index.ts';

/** A package to install, and its repository. */
export interface SelectedPackage {
  /** `name-version`. */
  readonly name: string;
  /** Canonical (`Q1…`, `Q2…`). */
  readonly identity: string;
  /** Fields of the index stanza. */
  readonly fields: ReadonlyMap<string, string>;
  /** Tag of the repository it is pinned to, without `@`; `undefined` if it is not pinned. */
  readonly tag: string | undefined;
  /** Size in bytes when installed; a package of size 0 has no files, and its archive is not opened. */
  readonly installedSize: number;
  readonly url: string;
}

/** What `apk add` installs on an empty system. */
export interface Selection {
  /** In the order of installation. */
  readonly packages: readonly SelectedPackage[];
  /** Contents of `/etc/apk/world` afterwards. */
  readonly world: readonly string[];
}

/** Input of `selectPackages`. */
export interface SelectionRequest {
  /** In the order in which they are configured. */
  readonly repositories: readonly Pick<Repository, 'url' | 'tag' | 'packages'>[];
  /** Dependencies in the syntax of `apk add`: `busybox`, `openssl>3`, `nginx@edge`, `!mdev`. */
  readonly wanted: readonly string[];
  /** Architecture of packages without an architecture in the index. */
  readonly architecture: string;
}

/**
 * Finds what `apk add` installs on an empty system.
 * @throws Unsatisfiable, with the reasons, if the dependencies cannot be satisfied
 * @throws BuildError if a text in `wanted` is not a dependency
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
  const url = makeFileAddress(repository.url, one.fields.get('A') || architecture, `${name}.apk`);
  const { identity, fields, installedSize } = one;
  return { name, identity, fields, tag: tag === '' ? undefined : tag, installedSize, url };
}

/** Of the repositories that have a package, returns the first that is a folder on this host, else the first. */
function repositoryOf(one: Package, byNumber: ReadonlyMap<number, PackageList>): PackageList {
  const having = [...byNumber]
    .filter(([number]) => (one.repositories & (1 << number)) !== 0)
    .map(([, repository]) => repository);
  const chosen = having.find(({ url }) => url.startsWith('file:')) ?? having[0];
  if (chosen === undefined) throw new Error(`no repository has ${nameAndVersion(one)}`);
  return chosen;
}

/** Whether no package has or provides the name of a wanted dependency. */
function isUnknown(wanted: string, database: Database): boolean {
  const name = /^[^!<>=~@]+/.exec(wanted)?.[0];
  return name !== undefined && (database.lookup(name)?.providers.length ?? 0) === 0;
}

/** Error: the wanted dependencies cannot be satisfied together. */
export class Unsatisfiable extends BuildError {
  /** The contradictions, one line each. */
  readonly lines: readonly string[];
  /** The wanted dependencies whose name no package has or provides. */
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
