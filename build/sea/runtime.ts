import { join } from 'node:path';
import { ARCHITECTURES, runsHere } from '../architecture.ts';
import { BASES, type BaseName } from '../bases.ts';
import { BuildError } from '../error.ts';
import { findSettings, type Profile } from '../profile/profile.ts';
import type { NpmPackages } from '../step/npm.ts';
import type { NpmArchive } from './npm-archive.ts';

/** The npm package with the Node of an architecture, for the GNU C library. */
function nodePackage(node: string): string {
  return `node-linux-${node}`;
}

/** The Node that an appliance's executable is made from: that of npm, or one that the profile names. */
export type Runtime = NpmRuntime | ArchivedRuntime;

/** The Node in a package of npm: the toolchain's own, or that of another CPU, which npm does not install here. */
export interface NpmRuntime extends NpmArchive {
  readonly from: 'npm';
}

/** A downloaded archive with a Node for the C library of the base. */
export interface ArchivedRuntime {
  readonly from: 'archive';
  readonly version: string;
  readonly url: string;
  readonly sha256: string;
  /** Bytes of the archive. */
  readonly size: number;
}

/** The program of the toolchain's own Node, which is for this host's CPU. */
export function toolchainNode(projectDirectory: string): string {
  return join(projectDirectory, 'node_modules', nodePackage(process.arch), 'bin/node');
}

/**
 * The Node for a profile's programs on a base. It must be of the toolchain's version: that one writes the part of the
 * executable which this one reads.
 * @param installed npm packages on this host, of which one is the toolchain's Node
 * @param locked npm packages that `package-lock.json` names, also for other CPUs
 * @throws BuildError if the base needs a Node that the profile does not name, or of another version
 */
export function chooseRuntime(
  profile: Profile,
  base: BaseName,
  { installed, locked }: { installed: NpmPackages; locked: NpmPackages },
): Runtime {
  const architecture = ARCHITECTURES[profile.architecture];
  const own = findNode(installed, process.arch);
  const { version } = own;
  const { node } = findSettings(profile, base);
  if (node === undefined && BASES[base].libc === 'glibc') {
    const target = runsHere(architecture) ? own : findNode(locked, architecture.node);
    if (target.version === version) return { from: 'npm', ...target };
    throw new BuildError({
      what: `package-lock.json has ${target.package} ${target.version}, and the toolchain's Node is ${version}`,
      fix: 'Give both the same version in package.json, then run npm install.',
    });
  }
  const file = `node-v${version}-linux-${architecture.node}-musl.tar.gz`;
  if (node === undefined) {
    throw new BuildError({
      what: `${profile.name} has programs of our own, and the profile names no Node for ${base}'s C library to run them`,
      where: `bases.${base}.node`,
      fix: `Name one in profiles/shared/alpine-node.ts: version ${version}, address, size and SHA-256 of a ${file}; README.md, "Programs on Alpine", says where it is and how to check it.`,
    });
  }
  if (node.version === version) return { from: 'archive', ...node };
  throw new BuildError({
    what: `the profile names Node ${node.version} for ${base}, and the toolchain's is ${version}`,
    where: `bases.${base}.node`,
    fix: `Name a ${file}, or install ${own.package}@${node.version}: both must be the same.`,
  });
}

/** The Node of a CPU among npm packages. */
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

/** Where the archives are below a mirror of packages that has them too. */
export const ARCHIVE_FOLDER = 'artifacts';

/** Where an archive may be: first at the mirror that the user named, where `qx-build mirror` puts it. */
export function archiveAddresses({ url }: ArchivedRuntime, mirror: string | undefined): string[] {
  if (mirror === undefined) return [url];
  return [`${mirror.replace(/\/+$/, '')}/${ARCHIVE_FOLDER}/${archiveName(url)}`, url];
}

/** File name of an archive. */
export function archiveName(url: string): string {
  return url.slice(url.lastIndexOf('/') + 1);
}
