import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ARCHITECTURES } from '../../architecture.ts';
import { cacheRooms } from '../../cache/directory.ts';
import type { Resolution, ResolveRequest } from '../../contract/base.ts';
import type { Lock, LockedPackage } from '../../contract/lock.ts';
import { BuildError } from '../../error.ts';
import { type Flavour, type Profile, settingsOf } from '../../profile/profile.ts';
import { sha256 } from '../../step/digest.ts';
import { FLAVOURS, mergeFlavours } from '../system/flavours.ts';
import { type Chosen, choosePackages, pretendedStatus } from './apt/resolve.ts';
import { chooseSources, hostSources, type Source } from './apt/sources.ts';
import { required } from './apt/stanza.ts';
import { AptState } from './apt/state.ts';

/** What a profile asks of Debian. */
export function debianRequest(profile: Profile): Lock['request'] {
  const { packages, kernel, without, suite } = settingsOf(profile, 'debian');
  return { packages: [...packages].sort(), kernel, without: Object.keys(without).sort(), suite };
}

/** The sources of a profile's suite: the host's own, Debian's, or the mirror that was named. */
export function sourcesFor({ profile, mirror }: ResolveRequest): Source[] {
  return chooseSources(settingsOf(profile, 'debian').suite, mirror, hostSources());
}

/** See `Base.resolve`. Resolution and signature checks are apt's own, against a private folder. */
export async function resolveDebian(request: ResolveRequest): Promise<Resolution> {
  const { profile, cacheDirectory, signal } = request;
  const { packages, kernel, without, components } = settingsOf(profile, 'debian');
  const architecture = ARCHITECTURES[profile.architecture].debian;
  const sources = sourcesFor(request);
  const directory = join(
    cacheRooms(cacheDirectory).apt,
    `apt-${sha256(JSON.stringify([architecture, sources])).slice(0, 12)}`,
  );
  const apt = await AptState.prepare(directory, {
    sources,
    components,
    architecture,
    signal,
  });
  await apt.update();
  const omitted = Object.keys(without);
  await apt.pretendInstalled(await pretendedStatus(apt, omitted, 'bases.debian.without'));
  const chosen = new Map<Flavour, LockedPackage[]>();
  for (const flavour of FLAVOURS) {
    const names = [...packages, kernel[flavour]];
    const found = await choosePackages(apt, names, 'bases.debian.packages');
    chosen.set(
      flavour,
      found.map((one) => lockPackage(one, sources)),
    );
  }
  const repositories = await readRepositories(directory, sources);
  const dates = Object.values(repositories).map(({ date }) => Date.parse(date) / 1000);
  return {
    request: debianRequest(profile),
    sourceDateEpoch: Math.max(...dates),
    repositories,
    packages: mergeFlavours(chosen),
  };
}

function lockPackage({ stanza, uri }: Chosen, sources: readonly Source[]): LockedPackage {
  const path = required(stanza, 'filename');
  const source = sources.find(({ address }) => uri.startsWith(`${address}/`));
  if (source === undefined) {
    throw new BuildError({ what: `apt takes ${path} from ${uri}, which is none of its sources` });
  }
  const [origin] = (stanza.get('source') ?? '').split(' ');
  return {
    name: required(stanza, 'package'),
    version: required(stanza, 'version'),
    architecture: required(stanza, 'architecture'),
    repository: source.suite,
    path,
    size: Number(required(stanza, 'size')),
    sha256: required(stanza, 'sha256'),
    ...(origin === undefined || origin === '' ? {} : { source: origin }),
  };
}

/** The state of each suite's signed index, as apt stored it. */
async function readRepositories(
  directory: string,
  sources: readonly Source[],
): Promise<Resolution['repositories']> {
  const files = await readdir(join(directory, 'lists'));
  const repositories: Resolution['repositories'] = {};
  for (const { suite } of sources) {
    const name = files.find((file) => file.endsWith(`_dists_${suite}_InRelease`));
    if (name === undefined) continue;
    const text = await readFile(join(directory, 'lists', name), 'utf8');
    const date = new Date(/^Date: (.+)$/m.exec(text)?.[1] ?? '');
    if (Number.isNaN(date.getTime())) {
      throw new BuildError({ what: `the index of ${suite} has no date`, where: name });
    }
    repositories[suite] = { suite, date: date.toISOString(), sha256: sha256(text) };
  }
  return repositories;
}
