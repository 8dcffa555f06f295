import pLimit from 'p-limit';
import { BlobStore } from '../../cache/blob-store.ts';
import { cacheRooms } from '../../cache/directory.ts';
import type { DownloadContext } from '../../cache/receive.ts';
import { Transport } from '../../cache/transport.ts';
import type { PackageArchive, Resolution, ResolveRequest } from '../../contract/base.ts';
import type { Lock, LockedPackage } from '../../contract/lock.ts';
import type { PackageScript } from '../../contract/scripts.ts';
import { Unresolved } from '../../contract/unresolved.ts';
import { BuildError, must } from '../../error.ts';
import { type Flavour, findSettings, listFlavours, type Profile } from '../../profile/profile.ts';
import { mergeFlavours } from '../system/flavours.ts';
import { assertNotOlder } from '../system/freshness.ts';
import { describeNodeProblem } from './node.ts';
import { fetchArchive } from './repository/archive.ts';
import { openFirst } from './repository/fail-over.ts';
import type { Repository } from './repository/index.ts';
import {
  type SelectedPackage,
  type SelectionRequest,
  selectPackages,
  Unsatisfiable,
} from './repository/select.ts';
import {
  alpineArchitecture,
  composeWorld,
  listRepositoryAddresses,
  makeAlpineRequest,
} from './request.ts';
import { readScripts } from './scripts.ts';
import { readKeys, readTrustedKeys, type TrustedKeys } from './signature/keys.ts';

/** Number of parallel downloads. */
const DOWNLOADS = 8;

/**
 * Resolves a profile; see `Base.resolve`. Indexes are verified with the profile's keys, packages with their identities
 * in the indexes. All packages are downloaded, because an index has no SHA-256 of them.
 */
export async function resolveAlpine(request: ResolveRequest): Promise<Resolution> {
  const { profile, mirror, cacheDirectory, notOlderThan, signal, say } = request;
  const keys = await keysOf(request);
  const architecture = alpineArchitecture(profile);
  const settings = findSettings(profile, 'alpine');
  using transport = new Transport();
  const store = new BlobStore(cacheRooms(cacheDirectory), say);
  const context: DownloadContext = { store, transport, signal };
  const named = await Promise.all(
    [...listRepositoryAddresses(settings, mirror)].map(async ([name, addresses]) => {
      const asked = { addresses, architecture, keys, context, say };
      return [name, await openFirst(asked)] as const;
    }),
  );
  const repositories = new Map(named);
  const states = statesOf(profile, repositories);
  assertNotOlder(states, notOlderThan);
  const selections = listFlavours(settings).map((flavour) => {
    const wanted = composeWorld(settings, flavour);
    const list = [...repositories.values()];
    const chosen = choose({ repositories: list, wanted, architecture });
    const problem = describeNodeProblem(profile, chosen.packages);
    const problems = problem === undefined ? chosen.problems : [...chosen.problems, problem];
    return { flavour, packages: chosen.packages, problems };
  });
  const problems = [...new Set(selections.flatMap((one) => one.problems))];
  const archives = new Map<Flavour, readonly PackageArchive[]>();
  try {
    for (const { flavour, packages } of selections)
      archives.set(flavour, await lockAll(packages, { repositories, architecture, context }));
  } catch (error) {
    if (!(error instanceof BuildError) || problems.length === 0) throw error;
    problems.push(error.message);
  }
  const scripts = await scriptsOf([...archives.values()].flat(), profile);
  if (problems.length > 0) throw new Unresolved([{ profile: profile.name, problems, scripts }]);
  const packages = mergeFlavours(
    new Map([...archives].map(([flavour, own]) => [flavour, own.map(({ locked }) => locked)])),
  );
  const built = packages.map(({ apk }) => Number(apk?.t ?? 0));
  return {
    request: makeAlpineRequest(profile),
    sourceDateEpoch: Math.max(1, ...built),
    repositories: states,
    packages,
    scripts,
  };
}

/** Selects packages, and lists all problems: after unknown names, it selects again without them to find the others. */
function choose(request: SelectionRequest): {
  packages: readonly SelectedPackage[];
  problems: readonly string[];
} {
  try {
    return { packages: selectPackages(request).packages, problems: [] };
  } catch (error) {
    if (!(error instanceof Unsatisfiable)) throw error;
    const { lines, unknown } = error;
    if (unknown.length === 0) return { packages: [], problems: lines };
    const rest = choose({
      ...request,
      wanted: request.wanted.filter((one) => !unknown.includes(one)),
    });
    return { packages: rest.packages, problems: [...lines, ...rest.problems] };
  }
}

/** Reads the scripts of packages, each package once. */
async function scriptsOf(
  archives: readonly PackageArchive[],
  profile: ResolveRequest['profile'],
): Promise<PackageScript[]> {
  const unique = new Map(archives.map((one) => [one.locked.sha256, one]));
  return await readScripts([...unique.values()], profile);
}

async function keysOf({ profile, keysDirectory, say }: ResolveRequest): Promise<TrustedKeys> {
  const own = readTrustedKeys(Object.entries(findSettings(profile, 'alpine').keys));
  if (keysDirectory === undefined) return own;
  return new Map([...own, ...(await readKeys(keysDirectory, say))]);
}

function statesOf(
  profile: Profile,
  repositories: ReadonlyMap<string, Repository>,
): Lock['repositories'] {
  const { release } = findSettings(profile, 'alpine');
  return Object.fromEntries(
    [...repositories].map(([name, repository]) => [
      name,
      determineRepositoryState(repository, release),
    ]),
  );
}

/** Where packages come from, and their architecture. */
interface PackageOrigin {
  repositories: ReadonlyMap<string, Repository>;
  /** Alpine's name of the architecture. */
  architecture: string;
  context: DownloadContext;
}

/** Locks all packages; the first failure aborts the other downloads. */
async function lockAll(
  packages: readonly SelectedPackage[],
  { context, ...origin }: PackageOrigin,
): Promise<PackageArchive[]> {
  const limit = pLimit(DOWNLOADS);
  const failed = new AbortController();
  const signals = [context.signal, failed.signal].filter((one) => one !== undefined);
  const bound = { ...context, signal: AbortSignal.any(signals) };
  const work = packages.map((one) => limit(() => lockPackage(one, { ...origin, context: bound })));
  try {
    return await Promise.all(work);
  } finally {
    failed.abort();
    await Promise.allSettled(work);
  }
}

async function lockPackage(
  { fields, identity, url }: SelectedPackage,
  { repositories, architecture, context }: PackageOrigin,
): Promise<PackageArchive> {
  const name = must(fields.get('P'), 'name of a package');
  const version = must(fields.get('V'), `version of ${name}`);
  const all = [...repositories];
  const from = all.find(([, one]) => url.startsWith(`${one.url}/`));
  const [repository, at] = must(from, `repository with ${url}`);
  const source = { name: `${name} ${version}`, identity, url, size: Number(fields.get('S') ?? 0) };
  const { sha256, size, file } = await fetchArchive(source, context);
  const [origin, license] = [fields.get('o'), fields.get('L')];
  const locked: LockedPackage = {
    name,
    version,
    architecture: fields.get('A') || architecture,
    repository,
    path: decodeURIComponent(url.slice(at.url.length + 1)),
    size,
    sha256,
    ...(origin ? { source: origin } : {}),
    ...(license ? { license } : {}),
    apk: Object.fromEntries(fields),
  };
  return { locked, file };
}

/** Returns a repository's state for a lock. An index has no date, so the build time of its newest package is used. */
export function determineRepositoryState(
  { packages, sha256 }: Pick<Repository, 'packages' | 'sha256'>,
  release: string,
): Lock['repositories'][string] {
  const newest = packages.reduce((latest, { fields }) => {
    const built = Number(/^\d{1,11}$/.exec(fields.get('t') ?? '') ?? 0);
    return Math.max(latest, built);
  }, 0);
  return { suite: release, date: new Date(newest * 1000).toISOString(), sha256 };
}
