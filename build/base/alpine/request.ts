import type { Lock } from '../../contract/lock.ts';
import type { Flavour, Profile } from '../../profile/schema.ts';

/** Architecture of the appliances, as Alpine calls it. */
export const ARCHITECTURE = 'x86_64';

/** What a profile asks of Alpine. */
export function alpineRequest(profile: Profile): Lock['request'] {
  const { packages, kernel, without, release, repositories } = profile.bases.alpine;
  return {
    packages: [...packages].sort(),
    kernel,
    without: Object.keys(without).sort(),
    suite: [release, ...repositories].join(' '),
  };
}

/** The world of an image: what apk's `add` is asked for. What is left out is forbidden. */
export function worldOf(profile: Profile, flavour: Flavour): string[] {
  const { packages, kernel, without } = profile.bases.alpine;
  return [...packages, kernel[flavour], ...Object.keys(without).map((name) => `!${name}`)];
}

/**
 * Where each repository of a profile may be.
 * @param mirror address of an Alpine tree to use instead of the profile's mirrors
 * @returns name of the repository → addresses, best first
 */
export function repositoryAddresses(
  { bases: { alpine } }: Profile,
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
