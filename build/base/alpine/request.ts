import { ARCHITECTURES } from '../../architecture.ts';
import type { Lock } from '../../contract/lock.ts';
import {
  type Flavour,
  findSettings,
  listFlavourPackages,
  type Profile,
  selectRequestedFlavours,
} from '../../profile/profile.ts';

/** Returns Alpine's name of an image's architecture. */
export function alpineArchitecture({ architecture }: Pick<Profile, 'architecture'>): string {
  return ARCHITECTURES[architecture].machine;
}

/** Returns what a profile requests from Alpine, for the lock. */
export function makeAlpineRequest(profile: Profile): Lock['request'] {
  const settings = findSettings(profile, 'alpine');
  const { packages, without, release, repositories } = settings;
  return {
    packages: [...packages].sort(),
    ...selectRequestedFlavours(settings),
    without: Object.keys(without).sort(),
    suite: [release, ...repositories].join(' '),
  };
}

/**
 * The settings for Alpine that affect a root filesystem: all but those for programs and the initramfs, and the reviews
 * of scripts, which are never run.
 */
export type AlpineSettings = ReturnType<typeof selectAlpineSettings>;

/** Returns the settings of a profile; see `AlpineSettings`. */
export function selectAlpineSettings(profile: Profile) {
  const {
    node: _node,
    busybox: _busybox,
    overlays: _overlays,
    scripts: _scripts,
    ...settings
  } = findSettings(profile, 'alpine');
  return settings;
}

/** Composes the world of an image: the dependencies for `apk add`. Packages to leave out become conflicts. */
export function composeWorld(
  settings: Pick<AlpineSettings, 'packages' | 'kernel' | 'flavours' | 'without'>,
  flavour: Flavour,
): string[] {
  const { packages, without } = settings;
  const forbidden = Object.keys(without).map((name) => `!${name}`);
  return [...packages, ...listFlavourPackages(settings, flavour), ...forbidden];
}

/**
 * Lists the addresses of each repository of a profile.
 * @param mirror address of an Alpine tree to use instead of the profile's mirrors
 * @returns name of the repository → addresses, best first
 */
export function listRepositoryAddresses(
  alpine: Pick<AlpineSettings, 'mirrors' | 'repositories' | 'release'>,
  mirror: string | undefined,
): Map<string, string[]> {
  const mirrors = mirror === undefined ? alpine.mirrors : [mirror.replace(/\/+$/, '')];
  return new Map(
    alpine.repositories.map((name) => [
      name,
      mirrors.map((address) => `${address}/${alpine.release}/${name}`),
    ]),
  );
}
