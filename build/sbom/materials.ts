import { PackageURL } from 'packageurl-js';
import { BASES, type BaseName } from '../bases.ts';
import type { LockedPackage } from '../contract/lock.ts';

/** A part of an image that is not a package of the base: the Node runtime, a library in a compiled program. */
export interface Artifact {
  readonly type: 'application' | 'library';
  readonly name: string;
  readonly version: string;
  /** Hashes of the downloaded file, hex. */
  readonly hashes: Readonly<Partial<Record<'SHA-256' | 'SHA-512', string>>>;
  /** Package URL, if it has one. */
  readonly purl?: string | undefined;
  /** Address that it was downloaded from. */
  readonly url?: string | undefined;
  readonly license?: string | undefined;
  readonly supplier?: string | undefined;
}

/** The parts of an image. */
export interface BillOfMaterials {
  readonly appliance: { readonly name: string; readonly title: string; readonly version: string };
  readonly base: BaseName;
  /** Release of the base: `trixie`, `v3.24`. */
  readonly suite: string;
  /** The packages of this image, without those of another kernel flavour. */
  readonly packages: readonly LockedPackage[];
  readonly artifacts?: readonly Artifact[] | undefined;
  /** In seconds since 1970. */
  readonly sourceDateEpoch: number;
}

/** An entry of a bill of materials, in any format. */
export interface Part extends Omit<Artifact, 'type'> {
  readonly type: Artifact['type'] | 'operating-system';
  /** Its unique name in the bill: the package URL if there is one. */
  readonly ref: string;
}

/** Lists the entries of a bill of materials, each once: the base, its packages, artifacts. */
export function listParts(materials: BillOfMaterials): Part[] {
  const { packages, artifacts = [] } = materials;
  const parts = [
    basePart(materials),
    ...packages.map((locked) => packagePart(locked, materials)),
    ...artifacts.map((artifact) => ({ ...artifact, ref: refOf(artifact) })),
  ];
  return [...new Map(parts.map((part) => [part.ref, part])).values()];
}

/** Returns the entry of the base itself, by which scanners choose the distribution's advisories. */
function basePart({ base, suite }: BillOfMaterials): Part {
  const { packageUrl, releases } = BASES[base];
  const version = releaseNumber(releases, suite);
  const name = packageUrl.namespace;
  const { supplier } = packageUrl;
  return {
    type: 'operating-system',
    name,
    version,
    hashes: {},
    supplier,
    ref: `${name}@${version}`,
  };
}

/** Returns a locked package's URL. Scanners find advisories by `distro` and by `upstream`, the source package. */
export function makePackageUrl(
  locked: LockedPackage,
  { base, suite }: Pick<BillOfMaterials, 'base' | 'suite'>,
): string {
  const { packageUrl, releases } = BASES[base];
  const { type, namespace } = packageUrl;
  const { name, version, architecture, source = name, sourceVersion } = locked;
  const origin = sourceVersion === undefined ? source : `${source}@${sourceVersion}`;
  const upstream = origin === name ? {} : { upstream: origin };
  const distro = `${namespace}-${releaseNumber(releases, suite)}`;
  const qualifiers = { arch: architecture, distro, ...upstream };
  return formatPackageUrl({ type, namespace, name, version, qualifiers });
}

/** Returns the `VERSION_ID` of os-release(5) for a release of a base; the release's name if unknown. */
function releaseNumber(releases: Readonly<Record<string, string>>, suite: string): string {
  return releases[suite] ?? suite.replace(/^v(?=\d)/, '');
}

function packagePart(locked: LockedPackage, materials: BillOfMaterials): Part {
  const { name, version, license, sha256 } = locked;
  const { supplier } = BASES[materials.base].packageUrl;
  const purl = makePackageUrl(locked, materials);
  const hashes = { 'SHA-256': sha256 };
  return { type: 'library', name, version, hashes, purl, license, supplier, ref: purl };
}

function refOf({ purl, name, version }: Artifact): string {
  return purl ?? `${name}@${version}`;
}

/** The parts of a package URL (ECMA-427). */
export interface PackageUrl {
  readonly type: string;
  readonly namespace?: string | undefined;
  readonly name: string;
  readonly version: string;
  readonly qualifiers?: Readonly<Record<string, string>>;
}

/** Formats a package URL. Unlike packageurl-js, encodes `+` as ECMA-427 requires: some readers take it for a space. */
export function formatPackageUrl(parts: PackageUrl): string {
  const { type, namespace, name, version, qualifiers } = parts;
  return new PackageURL(type, namespace, name, version, qualifiers)
    .toString()
    .replaceAll('+', '%2B');
}
