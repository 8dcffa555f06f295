import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { ARCHITECTURES } from '../../architecture.ts';
import { cacheRooms } from '../../cache/directory.ts';
import type { Resolution, ResolveRequest } from '../../contract/base.ts';
import type { Lock, LockedPackage } from '../../contract/lock.ts';
import { BuildError, must } from '../../error.ts';
import { withFileLock } from '../../process/file-lock.ts';
import {
  findSettings,
  listFlavourPackages,
  listFlavours,
  type Profile,
  selectRequestedFlavours,
} from '../../profile/profile.ts';
import { sha256 } from '../../step/digest.ts';
import { mergeFlavours } from '../system/flavours.ts';
import { assertNotOlder, assertValid } from '../system/freshness.ts';
import { findCandidates, type Source } from './apt/candidates.ts';
import { type AptNetwork, readAptNetwork } from './apt/network.ts';
import { type Release, readReleases } from './apt/release.ts';
import { findReplaced } from './apt/replaces.ts';
import {
  assertKnown,
  type Chosen,
  choosePackages,
  decodeAddress,
  formatPretendedStatus,
} from './apt/resolve.ts';
import { readHostSources } from './apt/sources.ts';
import { requireField } from './apt/stanza.ts';
import { AptState } from './apt/state.ts';

/** The parts of the host that a resolution depends on; tests replace them. */
export interface DebianHost {
  /** Folder of the host's apt configuration, from which the sources are read. */
  directory: string;
  /** Path of the trusted keys. */
  keyring: string;
  now: Date;
}

const HOST = {
  directory: '/etc/apt',
  keyring: '/usr/share/keyrings/debian-archive-keyring.gpg',
};

/** Returns what a profile requests from Debian, for the lock. */
export function makeDebianRequest(profile: Profile): Lock['request'] {
  const settings = findSettings(profile, 'debian');
  const { packages, without, suite } = settings;
  return {
    packages: [...packages].sort(),
    ...selectRequestedFlavours(settings),
    without: Object.keys(without).sort(),
    suite,
  };
}

/** Lists the archives that may have each suite, best first; see `findCandidates`. */
export function listCandidates(
  { profile, mirror, say = () => {} }: ResolveRequest,
  directory = HOST.directory,
): Map<string, readonly Source[]> {
  const { suite, components } = findSettings(profile, 'debian');
  return findCandidates({
    release: suite,
    components,
    architecture: ARCHITECTURES[profile.architecture].debian,
    mirror,
    host: mirror === undefined ? readHostSources(directory, say) : [],
    say,
  });
}

/**
 * Resolves a profile; see `Base.resolve`. apt resolves and checks signatures, in a folder for this run only; the
 * indexes are shared with other runs, under a lock.
 */
export async function resolveDebian(
  request: ResolveRequest,
  host: DebianHost = { ...HOST, now: new Date() },
): Promise<Resolution> {
  const rooms = cacheRooms(request.cacheDirectory);
  await mkdir(rooms.apt, { recursive: true });
  await mkdir(rooms.tmp, { recursive: true });
  const directory = await mkdtemp(join(rooms.tmp, 'apt-'));
  try {
    return await resolveIn(directory, request, host);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/** @param directory folder for this run only */
async function resolveIn(
  directory: string,
  request: ResolveRequest,
  host: DebianHost,
): Promise<Resolution> {
  const { profile, notOlderThan, acceptOutdated, signal, say = () => {} } = request;
  const candidates = listCandidates(request, host.directory);
  const addresses = [...candidates.values()].flat().map(({ address }) => address);
  const network = await readAptNetwork(addresses, signal);
  const { sources, apt, lock } = await fetchIndexes({
    directory,
    request,
    host,
    candidates,
    network,
  });
  return withFileLock({ file: lock, kind: 'shared', signal }, async () => {
    const releases = await readReleases(apt.lists, [...candidates.keys()]);
    for (const release of releases.values()) {
      if (acceptOutdated !== true) assertValid(release, host.now, say);
    }
    const repositories = repositoryStates(releases);
    assertNotOlder(repositories, notOlderThan);
    return {
      request: makeDebianRequest(profile),
      sourceDateEpoch: Math.max(...[...releases.values()].map(({ date }) => date.getTime() / 1000)),
      repositories,
      packages: await choose({ apt, profile, sources }),
    };
  });
}

interface Fetching {
  directory: string;
  request: ResolveRequest;
  host: DebianHost;
  candidates: ReadonlyMap<string, readonly Source[]>;
  network: AptNetwork;
}

/** apt with the indexes of some sources. */
interface Fetched {
  apt: AptState;
  sources: readonly Source[];
  /** Lock file of the indexes. */
  lock: string;
}

/**
 * Fetches the indexes of each suite from the first archive that is Debian's: its index is signed with one of Debian's
 * keys, and its origin is `Debian`. If an archive is not Debian's or does not answer, the user sees a message, and the
 * next one is tried.
 * @throws BuildError if a suite has no archive left to try
 */
async function fetchIndexes({ candidates, ...fetching }: Fetching): Promise<Fetched> {
  const { say = () => {} } = fetching.request;
  const left = new Map([...candidates].map(([suite, sources]) => [suite, [...sources]]));
  for (;;) {
    const sources = [...left.values()].flatMap(([first]) => first ?? []);
    const { failure, ...fetched } = await fetchFrom(sources, fetching);
    const releases = await readReleases(fetched.apt.lists, [...candidates.keys()]);
    const foreign = sources.filter(({ suite }) => releases.get(suite)?.origin !== 'Debian');
    if (foreign.length === 0) {
      if (failure !== undefined) throw failure;
      return fetched;
    }
    for (const { suite, address } of foreign) {
      const others = left.get(suite) ?? [];
      others.shift();
      const [next] = others;
      if (next === undefined) throw failure ?? notDebian(address, releases.get(suite));
      const why = releases.has(suite) ? 'is not Debian’s' : 'has no index that Debian signed';
      say(`${suite} comes from ${next.address}: ${address} ${why}`);
    }
  }
}

/** Fetches indexes into the folder for these sources; with `acceptOutdated`, into an empty folder. */
async function fetchFrom(
  sources: readonly Source[],
  { directory, request, host, network }: Omit<Fetching, 'candidates'>,
): Promise<Fetched & { failure: BuildError | undefined }> {
  const { profile, cacheDirectory, acceptOutdated, signal } = request;
  const { components } = findSettings(profile, 'debian');
  const architecture = ARCHITECTURES[profile.architecture].debian;
  const key = sha256(JSON.stringify([architecture, components, host.keyring, sources]));
  const name = `indexes-${key.slice(0, 12)}`;
  // Outdated indexes are fetched into an empty folder: otherwise apt would keep an index that is newer than the
  // mirror's.
  const indexes = join(acceptOutdated === true ? directory : cacheRooms(cacheDirectory).apt, name);
  await mkdir(indexes, { recursive: true });
  const lock = join(indexes, 'lock');
  return withFileLock({ file: lock, kind: 'exclusive', signal }, async () => {
    const { keyring, now } = host;
    const apt = await AptState.prepare({
      ...{ directory, indexes, sources, components, architecture, keyring, network, now, signal },
    });
    try {
      await apt.update();
      return { apt, sources, lock, failure: undefined };
    } catch (error) {
      if (!(error instanceof BuildError)) throw error;
      return { apt, sources, lock, failure: error };
    }
  });
}

function notDebian(address: string, release: Release | undefined): BuildError {
  return new BuildError({
    what: `this archive is not Debian’s: its origin is ${JSON.stringify(release?.origin ?? '')}`,
    where: address,
    fix: 'Name a mirror of Debian: MIRROR=…',
  });
}

function repositoryStates(releases: ReadonlyMap<string, Release>): Lock['repositories'] {
  return Object.fromEntries(
    [...releases].map(([suite, { date, sha256: digest }]) => [
      suite,
      { suite, date: date.toISOString(), sha256: digest },
    ]),
  );
}

interface Choosing {
  apt: AptState;
  profile: Profile;
  sources: readonly Source[];
}

async function choose({ apt, profile, sources }: Choosing): Promise<LockedPackage[]> {
  const settings = findSettings(profile, 'debian');
  const { packages, kernel, without } = settings;
  const added = profile.added?.packages ?? [];
  const flavours = listFlavours(settings);
  const where = 'bases.debian.packages';
  const omitted = { names: Object.keys(without), where: 'bases.debian.without' };
  const wanted = flavours.map((flavour) => ({
    names: [...packages, ...listFlavourPackages(settings, flavour)],
    where,
  }));
  await assertKnown(apt, [
    omitted,
    { names: packages.filter((name) => !added.includes(name)), where },
    { names: added, where: '--package' },
    ...flavours.flatMap((flavour) => [
      { names: [kernel[flavour] ?? []].flat(), where: 'bases.debian.kernel' },
      {
        names: settings.flavours[flavour]?.packages ?? [],
        where: `bases.debian.flavours.${flavour}.packages`,
      },
    ]),
  ]);
  await apt.pretendInstalled(await formatPretendedStatus(apt, omitted.names));
  const choices = await choosePackages(apt, wanted);
  const stanzas = new Set(choices.flat().map(({ stanza }) => stanza));
  const replaced = findReplaced([...stanzas]);
  return mergeFlavours(
    new Map(
      flavours.map((flavour, index) => [
        flavour,
        must(choices[index], `choice for ${flavour}`).map((one) =>
          lockPackage(one, { sources, replaced }),
        ),
      ]),
    ),
  );
}

interface ResolveContext {
  sources: readonly Source[];
  /** See `findReplaced`. */
  replaced: ReadonlyMap<string, string[]>;
}

function lockPackage(
  { stanza, uri }: Chosen,
  { sources, replaced }: ResolveContext,
): LockedPackage {
  const path = requireField(stanza, 'filename');
  const from = plainAddress(uri);
  const source = sources.find(({ address }) => from.startsWith(`${plainAddress(address)}/`));
  if (source === undefined) {
    throw new BuildError({
      what: `apt takes ${path} from ${uri}, which is not one of its sources`,
    });
  }
  // `lvm2 (2.03.31-2)`: the version is given only if it differs (deb-control(5)).
  const [, origin, sourceVersion] =
    /^(\S+)(?:\s+\((\S+)\))?$/.exec(stanza.get('source') ?? '') ?? [];
  const name = requireField(stanza, 'package');
  const replaces = replaced.get(name);
  return {
    name,
    version: requireField(stanza, 'version'),
    architecture: requireField(stanza, 'architecture'),
    repository: source.suite,
    path,
    size: Number(requireField(stanza, 'size')),
    sha256: requireField(stanza, 'sha256'),
    ...(origin === undefined ? {} : { source: origin }),
    ...(sourceVersion === undefined ? {} : { sourceVersion }),
    ...(replaces && { replaces }),
  };
}

/**
 * Normalises an address for comparisons: apt prints addresses with different percent-encoding and slashes, and without
 * log-ins.
 */
function plainAddress(address: string): string {
  return decodeAddress(address)
    .replace(/^file:\/+/, 'file:/')
    .replace(/^(https?:\/\/)[^/@]*@/, '$1');
}
