import type { BaseName } from '../bases.ts';
import { BuildError } from '../error.ts';
import { type Additions, findSettings, type Profile } from './profile.ts';
import { kernelParameter, packageName } from './schema.ts';

/**
 * Names, after `NAMESPACE.`, of the appliance's parameters that a build may set. They do not affect which system starts
 * or how it is verified; see `overlay/initramfs/init`.
 */
const OWN = ['answer', 'config', 'data', 'debug', 'toram'];

/**
 * Parameters that decide which system starts, and how it is verified: the programs that start first, and dm-verity.
 * `--` would hide everything after it, including the build id. The pattern is for names in which each `-` is replaced
 * by `_`: the kernel treats both as equal (parameq() in kernel/params.c).
 */
const TRUSTED = /^(?:__|init|rdinit|initrd|noinitrd|(?:dm_mod|dm_verity)\..*)$/;

/**
 * Checks the values of the options `--package` and `--cmdline`.
 * @param packages names of packages
 * @param cmdline kernel parameters, separated by white space
 * @throws BuildError if a text is not a package name, or a parameter has a character that is special to GRUB or the
 *   kernel, or decides which system starts
 */
export function parseAdditions({
  packages,
  cmdline,
}: {
  packages: readonly string[];
  cmdline: string;
}): Additions {
  for (const name of packages) {
    if (packageName.safeParse(name).success) continue;
    throw new BuildError({
      what: `${JSON.stringify(name)} is not the name of a package`,
      where: '--package',
      fix: 'Give one name, of letters, digits and + . _ - only; give the option again for another package.',
    });
  }
  const parameters = cmdline.split(/[ \t]+/).filter((one) => one !== '');
  parameters.forEach(checkParameter);
  return { packages: [...new Set(packages)], cmdline: parameters };
}

function checkParameter(parameter: string): void {
  const where = '--cmdline';
  const { error } = kernelParameter.safeParse(parameter);
  if (error !== undefined) {
    throw new BuildError({
      what: `${JSON.stringify(parameter)} ${error.issues[0]?.message}`,
      where,
      fix: 'GRUB and the kernel give other characters a meaning of their own.',
    });
  }
  const [name = ''] = parameter.split('=', 1);
  if (TRUSTED.test(name.replaceAll('-', '_'))) {
    throw new BuildError({
      what: `${name} would decide what the image starts and by what it is believed`,
      where,
      fix: 'Leave it out: it belongs to the image.',
    });
  }
}

/** Refuses those of the appliance's parameters that a build must not set. */
function checkOwnParameter(parameter: string, namespace: string): void {
  const [name = ''] = parameter.split('=', 1);
  const own = OWN.map((one) => `${namespace}.${one}`);
  if (!name.startsWith(`${namespace}.`) || own.includes(name)) return;
  throw new BuildError({
    what: `${name} is set by the image itself, or not known to it`,
    where: '--cmdline',
    fix: `Of the appliance’s own parameters a build may set ${own.join(', ')}.`,
  });
}

/**
 * Returns a profile with what one build adds to it for a base; what the profile already has does not count as an
 * addition.
 * @throws BuildError if the profile leaves one of the packages out on purpose, or a parameter belongs to the appliance
 *   and must not be set by a build
 */
export function withAdditions(profile: Profile, base: BaseName, additions: Additions): Profile {
  const settings = findSettings(profile, base);
  const { without } = settings;
  const excluded = additions.packages.find((name) => Object.hasOwn(without, name));
  if (excluded !== undefined) {
    throw new BuildError({
      what: `${profile.name} leaves the package ${excluded} out: ${without[excluded]}`,
      where: '--package',
      fix: `Remove it from bases.${base}.without of the profile if images are to have it.`,
    });
  }
  for (const one of additions.cmdline) checkOwnParameter(one, profile.namespace);
  const packages = additions.packages.filter((name) => !settings.packages.includes(name));
  const cmdline = additions.cmdline.filter((one) => !profile.cmdline.includes(one));
  if (packages.length === 0 && cmdline.length === 0) return profile;
  return {
    ...profile,
    added: { packages, cmdline },
    cmdline: [...profile.cmdline, ...cmdline],
    bases: {
      ...profile.bases,
      [base]: { ...settings, packages: [...settings.packages, ...packages] },
    },
  };
}

/** Describes additions as the options that name them: `--package htop --cmdline "nomodeset"`. */
export function describeAdditions({ packages, cmdline }: Additions): string {
  return [
    ...packages.map((name) => `--package ${name}`),
    ...(cmdline.length === 0 ? [] : [`--cmdline "${cmdline.join(' ')}"`]),
  ].join(' ');
}
