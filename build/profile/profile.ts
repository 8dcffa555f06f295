import type { ArchitectureName } from '../architecture.ts';
import { BASE_NAMES, type BaseName } from '../bases.ts';
import { BuildError } from '../error.ts';
import type { CheckedProfile } from './schema.ts';

type CheckedBase<Name extends BaseName> = NonNullable<CheckedProfile['bases'][Name]>;
type Specific<Name extends BaseName> = NonNullable<
  CheckedBase<Name>['architectures'][ArchitectureName]
>;

/** A profile's settings for one base and one architecture. */
export type BaseSettings<Name extends BaseName> = Omit<CheckedBase<Name>, 'architectures'> &
  Specific<Name>;

type Bases = { [Name in BaseName]: BaseSettings<Name> };

/** What one build adds to a profile. */
export interface Additions {
  /** Names of packages, for the base that is built from. */
  readonly packages: readonly string[];
  /** Kernel parameters, one word each. */
  readonly cmdline: readonly string[];
}

/** A profile for one architecture. */
export interface Profile
  extends Omit<CheckedProfile, 'bases' | 'kernel' | 'namespace' | 'programPrefix'>,
    OwnNames {
  /**
   * Absolute path of its file. Locks and reviews are beside it; paths of its own overlays are relative to its folder.
   */
  file: string;
  architecture: ArchitectureName;
  /** What this build adds to the profile, which the other fields already contain; absent if nothing. */
  added?: Additions | undefined;
  /** Only the bases that support this architecture. */
  bases: Partial<Bases>;
  kernel: Pick<CheckedProfile['kernel'], 'drop'> & {
    /** Without the drivers that this architecture's kernels do not have. */
    drivers: Record<Flavour, MachineDrivers>;
  };
}

/** Names that belong to one appliance; see the keys of a profile. */
export interface OwnNames {
  namespace: string;
  programPrefix: string;
}

/** Returns the names that belong to an appliance, which a profile may leave out. */
export function ownNames({
  name,
  namespace = name,
  programPrefix = namespace,
}: Pick<CheckedProfile, 'name' | 'namespace' | 'programPrefix'>): OwnNames {
  return { namespace, programPrefix };
}

/** Drivers that an image must have, by kind of machine. */
export type MachineDrivers = CheckedProfile['kernel']['drivers']['full'];

/** Kernel flavours, in the order in which they are resolved. */
export const FLAVOURS = ['virt', 'full'] as const;

/** Kernel flavour of an image. */
export type Flavour = (typeof FLAVOURS)[number];

/** Lists the flavours that an appliance has a kernel for. */
export function listFlavours({ kernel }: Pick<BaseSettings<BaseName>, 'kernel'>): Flavour[] {
  return FLAVOURS.filter((flavour) => kernel[flavour] !== undefined);
}

/** Lists what images of one flavour have in addition to the common packages: its kernel and its own packages. */
export function listFlavourPackages(
  { kernel, flavours }: Pick<BaseSettings<BaseName>, 'kernel' | 'flavours'>,
  flavour: Flavour,
): string[] {
  return [kernel[flavour] ?? [], flavours[flavour]?.packages ?? []].flat();
}

/** Returns the part of a lock's `request` that is about flavours: the kernels, and the packages of one flavour only. */
export function selectRequestedFlavours({
  kernel,
  flavours,
}: Pick<BaseSettings<BaseName>, 'kernel' | 'flavours'>) {
  const own = FLAVOURS.flatMap((flavour) => {
    const { packages = [] } = flavours[flavour] ?? {};
    return packages.length === 0 ? [] : [[flavour, [...packages].sort()] as const];
  });
  return { kernel, ...(own.length > 0 && { flavours: Object.fromEntries(own) }) };
}

/**
 * Reduces a checked profile to one architecture.
 * @param file absolute path of the profile's file
 */
export function selectProfile(
  profile: CheckedProfile,
  architecture: ArchitectureName,
  file: string,
): Profile {
  const bases: Partial<Bases> = {};
  for (const name of BASE_NAMES) {
    const settings = settingsFor(profile.bases[name], architecture);
    if (settings !== undefined) Object.assign(bases, { [name]: settings });
  }
  const { drivers, drop } = profile.kernel;
  const lacking = new Set(Object.keys(drivers.without[architecture] ?? {}));
  return {
    ...profile,
    ...ownNames(profile),
    file,
    architecture,
    bases,
    kernel: {
      drivers: { virt: without(drivers.virt, lacking), full: without(drivers.full, lacking) },
      drop,
    },
  };
}

function without(machines: MachineDrivers, lacking: ReadonlySet<string>): MachineDrivers {
  const present = (names: readonly string[]) => names.filter((name) => !lacking.has(name));
  return Object.fromEntries(
    Object.entries(machines).map(([machine, { medium, system }]) => [
      machine,
      { medium: present(medium), system: present(system) },
    ]),
  );
}

/** Lists drivers per kind of machine: those that `choose` returns for it. */
export function listDrivers(
  machines: MachineDrivers,
  choose: (drivers: MachineDrivers[string]) => readonly string[],
): Record<string, readonly string[]> {
  return Object.fromEntries(
    Object.entries(machines).map(([machine, drivers]) => [machine, choose(drivers)]),
  );
}

type OfArchitecture = Pick<Specific<BaseName>, 'grub' | 'signed' | 'packages' | 'without' | 'drop'>;

/** Adds the lists and records of one architecture to the common ones; other keys are taken unchanged. */
function settingsFor<
  Own extends OfArchitecture,
  Common extends Omit<OfArchitecture, 'grub' | 'signed'>,
>(
  base: (Common & { architectures: { [Name in ArchitectureName]?: Own | undefined } }) | undefined,
  architecture: ArchitectureName,
) {
  const own = base?.architectures[architecture];
  if (base === undefined || own === undefined) return undefined;
  const { architectures: _, ...common } = base;
  return {
    ...common,
    ...own,
    packages: [...new Set([...base.packages, ...own.grub, ...own.signed, ...own.packages])],
    without: { ...base.without, ...own.without },
    drop: { ...base.drop, ...own.drop },
  };
}

/**
 * Returns a profile's settings for a base.
 * @throws BuildError if it does not support that base for its architecture
 */
export function findSettings<Name extends BaseName>(
  { name, architecture, bases }: Profile,
  base: Name,
): Bases[Name] {
  const settings: Bases[Name] | undefined = bases[base];
  if (settings !== undefined) return settings;
  const others = Object.entries(bases).flatMap(([other, one]) => (one === undefined ? [] : other));
  throw new BuildError({
    what: `${name} has no packages from ${base} for ${architecture}`,
    where: `bases.${base}.architectures of the profile`,
    fix:
      others.length === 0
        ? 'Choose another architecture: ARCH=….'
        : `Choose another base: BASE=${others.join(' or ')}.`,
  });
}
