import type { Base, Mirrors, ResolveRequest } from '../../contract/base.ts';
import { findSettings } from '../../profile/profile.ts';
import { makeSkeleton } from '../system/skeleton.ts';
import { readAptNetwork } from './apt/network.ts';
import { finishDebian } from './finish.ts';
import { mergeDebian } from './merge.ts';
import { openDebianPackage, readerVersion } from './open.ts';
import { readDebianRelations } from './relations.ts';
import { listCandidates, makeDebianRequest, resolveDebian } from './resolve.ts';
import { compareDebianVersions } from './version.ts';

/** Packages from Debian: apt resolves and verifies them, dpkg-deb opens them. */
export const debian: Base = {
  name: 'debian',
  module: import.meta.filename,
  request: makeDebianRequest,
  resolve: resolveDebian,
  mirrors: findMirrors,
  reader: () => ({
    name: 'debian',
    readerVersion: readerVersion(),
    open: openDebianPackage,
  }),
  relations: readDebianRelations,
  compareVersions: compareDebianVersions,
  settings: (profile) => {
    const { drop, links, accept } = findSettings(profile, 'debian');
    return { drop, links, accept };
  },
  merge: mergeDebian,
  skeleton: makeSkeleton,
  finish: finishDebian,
};

/** Returns all candidate archives, even ones that are not Debian's: packages are identified by their hash. */
async function findMirrors(request: ResolveRequest): Promise<Mirrors> {
  const candidates = [...listCandidates(request)];
  const all = candidates.flatMap(([, sources]) => sources.map(({ address }) => address));
  const { addLogIn, findRoute } = await readAptNetwork(all, request.signal);
  const addresses = candidates.map(
    ([suite, sources]) => [suite, sources.map(({ address }) => addLogIn(address))] as const,
  );
  return { addresses: new Map(addresses), findRoute };
}
