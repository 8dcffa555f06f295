import { join } from 'node:path';
import { ARCHITECTURE_NAMES, ARCHITECTURES, canRunHere } from '../architecture.ts';
import { BASES } from '../bases.ts';
import type { Base } from '../contract/base.ts';
import { type LockedPackage, type PackageContent, selectPackageContent } from '../contract/lock.ts';
import { OLDEST_NODE } from '../contract/node.ts';
import { BuildError } from '../error.ts';
import { findSettings, type Profile } from '../profile/profile.ts';
import type { NpmPackages } from '../step/npm.ts';
import { LTS_NODE } from './lts.ts';
import type { NpmArchive } from './npm-archive.ts';

/** Returns the npm package with Node for an architecture and the GNU C library. */
function nodePackage(node: string): string {
  return `node-linux-${node}`;
}

/**
 * The Node from which an appliance's executable is made: from npm, from an archive that the profile names, or from a
 * package of the base.
 */
export type Runtime = NpmRuntime | ArchivedRuntime | PackagedRuntime;

/**
 * The Node of an npm package: the one that runs the toolchain, or one for another architecture, which is not installed
 * here.
 */
export interface NpmRuntime extends NpmArchive {
  readonly from: 'npm';
}

/** A downloaded Node archive for the base's C library. */
export interface ArchivedRuntime {
  readonly from: 'archive';
  readonly version: string;
  readonly url: string;
  readonly sha256: string;
  /** Size of the archive in bytes. */
  readonly size: number;
}

/** A Node that is downloaded separately. */
export type NodeArchive = NpmRuntime | ArchivedRuntime;

/** A Node that is a package of the base, in the lock like all other packages. */
export interface PackagedRuntime {
  readonly from: 'package';
  readonly version: string;
  /** Tree path of the executable in the first package. */
  readonly program: string;
  /** Its package, followed by the packages that it depends on. */
  readonly packages: readonly PackageContent[];
}

/**
 * The Node that prepares the programs. A code cache can only be made by a Node of the same version and architecture:
 * the runtime itself, or the toolchain's Node. Without a code cache, programs start more slowly.
 */
export type Preparer =
  | { readonly by: 'runtime' }
  | { readonly by: 'toolchain'; readonly version: string }
  | ({ readonly by: 'npm' } & NpmArchive);

/** The Node of an image's programs. */
export interface ProgramNode {
  readonly runtime: Runtime;
  readonly preparer: Preparer;
  /** Whether the programs get a code cache. */
  readonly codeCache: boolean;
}

/** Returns the path of the Node that runs the toolchain, which is for this host's architecture. */
export function locateToolchainNode(projectDirectory: string): string {
  return join(projectDirectory, 'node_modules', nodePackage(process.arch), 'bin/node');
}

/** The Nodes to choose from. */
export interface NodeChoice {
  /** npm packages installed on this host, including the toolchain's Node. */
  installed: NpmPackages;
  /** npm packages in `package-lock.json`, including those for other architectures. */
  locked: NpmPackages;
  /** The packages of the image. */
  packages: readonly LockedPackage[];
}

/**
 * Chooses the Node for a profile's programs on a base: the one that the profile names; else the one from npm, if the
 * base has its C library; else the package of the base.
 * @throws BuildError if there is none of these, if it is too old, or if programs for it cannot be prepared on this host
 */
export function chooseNode(profile: Profile, base: Base, choice: NodeChoice): ProgramNode {
  const own = findNode(choice.installed, process.arch);
  const here = canRunHere(ARCHITECTURES[profile.architecture]);
  const { node } = findSettings(profile, base.name);
  if (node !== undefined) {
    const runtime = { from: 'archive', ...node } as const;
    const codeCache = here && node.version === own.version;
    return { runtime, preparer: preparerOf(node.version, own.version), codeCache };
  }
  if (BASES[base.name].libc === 'glibc') return npmNode(profile, own, choice.locked);
  const packaged = base.node?.(choice.packages);
  if (packaged === undefined) {
    throw new BuildError({
      what: `${profile.name} has programs of our own, and the lock has no Node of ${base.name} to run them`,
      fix: 'Write the lock again: make lock',
    });
  }
  const { version, program } = packaged;
  const packages = packaged.packages.map(selectPackageContent);
  const preparer = here ? ({ by: 'runtime' } as const) : preparerOf(version, own.version);
  return {
    runtime: { from: 'package', version, program, packages },
    preparer,
    codeCache: here,
  };
}

/** Returns npm's Node for the image's architecture, prepared by the toolchain's Node, which has the same version. */
function npmNode({ architecture }: Profile, own: NpmArchive, locked: NpmPackages): ProgramNode {
  const here = canRunHere(ARCHITECTURES[architecture]);
  const target = here ? own : findNode(locked, ARCHITECTURES[architecture].node);
  if (target.version === own.version) {
    const preparer = { by: 'toolchain', version: own.version } as const;
    return { runtime: { from: 'npm', ...target }, preparer, codeCache: here };
  }
  throw new BuildError({
    what: `package-lock.json has ${target.package} ${target.version}, and the toolchain's Node is ${own.version}`,
    fix: 'Give both the same version in package.json, then run npm install.',
  });
}

/** Chooses a Node that runs on this host and prepares the programs for another Node of the same major version. */
function preparerOf(version: string, own: string): Preparer {
  if (major(version) < OLDEST_NODE) {
    throw new BuildError({
      what: `the profile names Node ${version}, and the programs run on Node ${OLDEST_NODE} and newer`,
      fix: 'Name a newer one.',
    });
  }
  if (major(version) === major(own)) return { by: 'toolchain', version: own };
  const lts = ARCHITECTURE_NAMES.filter((name) => canRunHere(ARCHITECTURES[name])).map(
    (name) => LTS_NODE[name],
  )[0];
  if (lts !== undefined && major(version) === major(lts.version)) return { by: 'npm', ...lts };
  throw new BuildError({
    what: `nothing on this host can prepare programs for Node ${version}`,
    fix: `Name a Node ${lts === undefined ? '' : `${major(lts.version)} or `}${major(own)}, or build on a host that can run that one.`,
  });
}

function major(version: string): number {
  return Number(version.split('.')[0]);
}

/** Finds the Node of an architecture among npm packages. */
function findNode(npm: NpmPackages, node: string): NpmArchive {
  const name = nodePackage(node);
  const { version, integrity } = npm.get(`node_modules/${name}`) ?? {};
  if (version !== undefined && integrity !== undefined)
    return { package: name, version, integrity };
  throw new BuildError({
    what: `npm has no ${name} for this project`,
    where: 'optionalDependencies of package.json',
    fix: 'Take package.json and package-lock.json from the repository again, then run npm ci.',
  });
}

/** Folder of archives in a mirror of packages. */
export const ARCHIVE_FOLDER = 'artifacts';

/** Returns the possible addresses of an archive: first at the user's mirror, where `qx-build mirror` puts it. */
export function listArchiveAddresses(
  { url }: ArchivedRuntime,
  mirror: string | undefined,
): string[] {
  if (mirror === undefined) return [url];
  return [`${mirror.replace(/\/+$/, '')}/${ARCHIVE_FOLDER}/${makeArchiveName(url)}`, url];
}

/** Returns the file name of an archive. */
export function makeArchiveName(url: string): string {
  return url.slice(url.lastIndexOf('/') + 1);
}
