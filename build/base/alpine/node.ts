import type { LockedPackage } from '../../contract/lock.ts';
import { OLDEST_NODE, type PackagedNode } from '../../contract/node.ts';
import { BuildError } from '../../error.ts';
import { findSettings, type Profile } from '../../profile/profile.ts';
import { parseAtoms } from './dependency/dependency.ts';
import type { SelectedPackage } from './repository/select.ts';

/** Package with Node's long-term support release. */
const PACKAGE = 'nodejs';
const PROGRAM = 'usr/bin/node';

/** Fields of a package in an index, letter → value. */
type Fields = ReadonlyMap<string, string>;

/**
 * Describes why the programs of a profile cannot run on Node from its packages.
 * @param packages the packages chosen for the profile
 * @returns one line; `undefined` if the programs run on it, or if the profile has no programs or names a Node archive
 */
export function describeNodeProblem(
  profile: Profile,
  packages: readonly Pick<SelectedPackage, 'fields'>[],
): string | undefined {
  const { node, packages: wanted } = findSettings(profile, 'alpine');
  if (profile.programs.length === 0 || node !== undefined) return undefined;
  if (!wanted.includes(PACKAGE)) {
    return `the programs need ${PACKAGE} among bases.alpine.packages, or an archive of Node: bases.alpine.architectures.${profile.architecture}.node`;
  }
  const chosen = packages.find(({ fields }) => fields.get('P') === PACKAGE)?.fields;
  const version = chosen?.get('V');
  return version === undefined || readVersion(version) !== undefined ? undefined : tooOld(version);
}

/**
 * Finds Node and the packages it needs among the packages of a lock.
 * @returns `undefined` if there is none
 * @throws BuildError if that Node is too old for the programs
 */
export function findNode(packages: readonly LockedPackage[]): PackagedNode | undefined {
  const node = packages.find(({ name }) => name === PACKAGE);
  if (node === undefined) return undefined;
  const version = readVersion(node.version);
  if (version !== undefined) {
    return { version, program: PROGRAM, packages: closure(node, packages) };
  }
  throw new BuildError({
    what: tooOld(node.version),
    fix: 'Name a newer branch of Alpine in the profile, or another mirror: MIRROR=…',
  });
}

/** Returns the version of Node itself from its package version; `undefined` if it is too old for the programs. */
function readVersion(version: string): string | undefined {
  const own = /^(\d+)\.\d+\.\d+/.exec(version);
  return own !== null && Number(own[1]) >= OLDEST_NODE ? own[0] : undefined;
}

function tooOld(version: string): string {
  return `${PACKAGE} is ${version}, and the programs run on Node ${OLDEST_NODE} and newer`;
}

/** Returns a package and its dependencies in order of discovery, except files (`/bin/sh`), which only scripts need. */
function closure(first: LockedPackage, packages: readonly LockedPackage[]): LockedPackage[] {
  const providers = new Map<string, LockedPackage>();
  for (const one of packages) {
    const provided = namesIn(fieldsOf(one).get('p'));
    for (const name of [one.name, ...provided]) if (!providers.has(name)) providers.set(name, one);
  }
  const found = new Set([first]);
  for (const one of found) {
    for (const name of namesIn(fieldsOf(one).get('D'))) {
      const provider = name.startsWith('/') ? undefined : providers.get(name);
      if (provider !== undefined) found.add(provider);
    }
  }
  return [...found];
}

/** Returns the names in a list of dependencies or provides, without conflicts. */
function namesIn(text = ''): string[] {
  const { atoms } = parseAtoms(text, (name) => name);
  return atoms.filter(({ conflict }) => !conflict).map(({ name }) => name);
}

function fieldsOf({ apk = {} }: LockedPackage): Fields {
  return new Map(Object.entries(apk));
}
