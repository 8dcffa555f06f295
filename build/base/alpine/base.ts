import type { ArchiveReader, Base } from '../../contract/base.ts';
import { findSettings, type Profile } from '../../profile/profile.ts';
import { smallSkeleton } from '../system/skeleton.ts';
import { finishAlpine } from './finish.ts';
import { mergeAlpine } from './merge.ts';
import { findNode } from './node.ts';
import { openForImage, readerVersion } from './open.ts';
import { alpineRelations } from './relations.ts';
import {
  type AlpineSettings,
  alpineArchitecture,
  alpineRequest,
  alpineSettings,
  repositoryAddresses,
} from './request.ts';
import { resolveAlpine } from './resolve.ts';
import { readScripts } from './scripts.ts';
import { trustedKeys } from './signature/keys.ts';
import { compareVersions } from './version/compare.ts';

/**
 * Packages from Alpine, through the apk engine in this folder: without apk, without root, and without running scripts.
 */
export const alpine: Base<AlpineSettings> = {
  name: 'alpine',
  module: import.meta.filename,
  request: alpineRequest,
  resolve: resolveAlpine,
  mirrors: async ({ profile, mirror }) => ({
    addresses: repositoryAddresses(findSettings(profile, 'alpine'), mirror),
  }),
  probes: indexAddresses,
  reader,
  scripts: readScripts,
  relations: async (packages) => alpineRelations(packages.map(({ locked }) => locked)),
  compareVersions,
  settings: alpineSettings,
  merge: mergeAlpine,
  node: findNode,
  skeleton: smallSkeleton,
  finish: finishAlpine,
};

/** Addresses of the first repository's index. */
function indexAddresses(profile: Profile, mirror: string | undefined): string[] {
  const [addresses = []] = repositoryAddresses(findSettings(profile, 'alpine'), mirror).values();
  return addresses.map((address) => `${address}/${alpineArchitecture(profile)}/APKINDEX.tar.gz`);
}

function reader(profile: Profile): ArchiveReader {
  const keys = trustedKeys(Object.entries(findSettings(profile, 'alpine').keys));
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
