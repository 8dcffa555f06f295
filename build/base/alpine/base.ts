import type { ArchiveReader, Base } from '../../contract/base.ts';
import { findSettings, type Profile } from '../../profile/profile.ts';
import { makeSmallSkeleton } from '../system/skeleton.ts';
import { finishAlpine } from './finish.ts';
import { mergeAlpine } from './merge.ts';
import { findNode } from './node.ts';
import { openForImage, readerVersion } from './open.ts';
import { readAlpineRelations } from './relations.ts';
import {
  type AlpineSettings,
  alpineArchitecture,
  listRepositoryAddresses,
  makeAlpineRequest,
  selectAlpineSettings,
} from './request.ts';
import { resolveAlpine } from './resolve.ts';
import { readScripts } from './scripts.ts';
import { readTrustedKeys } from './signature/keys.ts';
import { compareVersions } from './version/compare.ts';

/**
 * Packages from Alpine, through the apk engine in this folder: without apk, without root, and without running scripts.
 */
export const alpine: Base<AlpineSettings> = {
  name: 'alpine',
  module: import.meta.filename,
  request: makeAlpineRequest,
  resolve: resolveAlpine,
  mirrors: async ({ profile, mirror }) => ({
    addresses: listRepositoryAddresses(findSettings(profile, 'alpine'), mirror),
  }),
  probes: indexAddresses,
  reader,
  scripts: readScripts,
  relations: async (packages) => readAlpineRelations(packages.map(({ locked }) => locked)),
  compareVersions,
  settings: selectAlpineSettings,
  merge: mergeAlpine,
  node: findNode,
  skeleton: makeSmallSkeleton,
  finish: finishAlpine,
};

/** Addresses of the first repository's index. */
function indexAddresses(profile: Profile, mirror: string | undefined): string[] {
  const [addresses = []] = listRepositoryAddresses(
    findSettings(profile, 'alpine'),
    mirror,
  ).values();
  return addresses.map((address) => `${address}/${alpineArchitecture(profile)}/APKINDEX.tar.gz`);
}

function reader(profile: Profile): ArchiveReader {
  const keys = readTrustedKeys(Object.entries(findSettings(profile, 'alpine').keys));
  return {
    name: 'alpine',
    readerVersion: readerVersion(),
    open: ({ locked, file }, sink, signal) =>
      openForImage({
        file,
        keys,
        identity: locked.apk?.C,
        origin: `package ${locked.name} ${locked.version}`,
        sink,
        signal,
      }),
  };
}
