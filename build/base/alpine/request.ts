import { ARCHITECTURES } from '../../architecture.ts';
import type { Lock } from '../../contract/lock.ts';
import {
  type Flavour,
  findSettings,
  flavourPackages,
  type Profile,
  requestedFlavours,
} from '../../profile/profile.ts';

/** The architecture of an image, as Alpine calls it. */
export function alpineArchitecture({ architecture }: Pick<Profile, 'architecture'>): string {
  return ARCHITECTURES[architecture].machine;
}

/** What a profile asks of Alpine. */
export function alpineRequest(profile: Profile): Lock['request'] {
  const settings = findSettings(profile, 'alpine');
  const { packages, without, release, repositories } = settings;
  return {
    packages: [...packages].sort(),
    ...requestedFlavours(settings),
    without: Object.keys(without).sort(),
    suite: [release, ...repositories].join(' '),
  };
}

/** What of a profile's settings for Alpine shapes a root filesystem: all but how to make programs and initramfs, and
 * reviews of scripts, which are not run either way. */
export type AlpineSettings = ReturnType<typeof alpineSettings>;

export function alpineSettings(profile: Profile) {
  const {
    node: _node,
    busybox: _busybox,
    overlays: _overlays,
    scripts: _scripts,
    ...settings
  } = findSettings(profile, 'alpine');
  return settings;
}

/** The world of an image: what apk's `add` is asked for. What is left out is forbidden. */
export function composeWorld(
  settings: Pick<AlpineSettings, 'packages' | 'kernel' | 'flavours' | 'without'>,
  flavour: Flavour,
): string[] {
  const { packages, without } = settings;
  const forbidden = Object.keys(without).map((name) => `!${name}`);
  return [...packages, ...flavourPackages(settings, flavour), ...forbidden];
}

/**
 * Where each repository of a profile may be.
 * @param mirror address of an Alpine tree to use instead of the profile's mirrors
 * @returns name of the repository → addresses, best first
 */
export function repositoryAddresses(
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
