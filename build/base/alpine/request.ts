import { ARCHITECTURES } from '../../architecture.ts';
import type { Lock } from '../../contract/lock.ts';
import { type Flavour, type Profile, settingsOf } from '../../profile/profile.ts';

/** The architecture of an image, as Alpine calls it. */
export function alpineArchitecture({ architecture }: Profile): string {
  return ARCHITECTURES[architecture].machine;
}

/** What a profile asks of Alpine. */
export function alpineRequest(profile: Profile): Lock['request'] {
  const { packages, kernel, without, release, repositories } = settingsOf(profile, 'alpine');
  return {
    packages: [...packages].sort(),
    kernel,
    without: Object.keys(without).sort(),
    suite: [release, ...repositories].join(' '),
  };
}

/** The world of an image: what apk's `add` is asked for. What is left out is forbidden. */
export function worldOf(profile: Profile, flavour: Flavour): string[] {
  const { packages, kernel, without } = settingsOf(profile, 'alpine');
  return [...packages, kernel[flavour], ...Object.keys(without).map((name) => `!${name}`)];
}

/**
 * Where each repository of a profile may be.
 * @param mirror address of an Alpine tree to use instead of the profile's mirrors
 * @returns name of the repository → addresses, best first
 */
export function repositoryAddresses(
  profile: Profile,
  mirror: string | undefined,
): Map<string, string[]> {
  const alpine = settingsOf(profile, 'alpine');
  const mirrors = mirror === undefined ? alpine.mirrors : [mirror.replace(/\/+$/, '')];
  return new Map(
    alpine.repositories.map((name) => [
      name,
      mirrors.map((address) => `${address}/${alpine.release}/${name}`),
    ]),
  );
}
