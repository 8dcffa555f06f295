import { PackageURL } from 'packageurl-js';
import { BASES, type BaseName } from '../bases.ts';
import type { LockedPackage } from '../contract/lock.ts';

/** A part of an image that is no package of the base: the Node runtime, a library in a compiled program. */
export interface Artifact {
  readonly type: 'application' | 'library';
  readonly name: string;
  readonly version: string;
  /** Of what was downloaded, hex. */
  readonly hashes: Readonly<Partial<Record<'SHA-256' | 'SHA-512', string>>>;
  /** Package URL, if it has one. */
  readonly purl?: string | undefined;
  /** Where it was downloaded from. */
  readonly url?: string | undefined;
  readonly license?: string | undefined;
  readonly supplier?: string | undefined;
}

/** What an image is made of. */
export interface BillOfMaterials {
  readonly appliance: { readonly name: string; readonly title: string; readonly version: string };
  readonly base: BaseName;
  /** Release of the base: `trixie`, `v3.24`. */
  readonly suite: string;
  /** The packages in this image, not those of another kernel flavour. */
  readonly packages: readonly LockedPackage[];
  readonly artifacts?: readonly Artifact[] | undefined;
  /** Seconds since 1970. */
  readonly sourceDateEpoch: number;
}

/** One entry of a bill of materials, whatever its format. */
export interface Part extends Omit<Artifact, 'type'> {
  readonly type: Artifact['type'] | 'operating-system';
  /** Its only name in the bill: the package URL where it has one. */
  readonly ref: string;
}

/** The entries of a bill of materials, each once: the base, its packages, artifacts. */
export function listParts(materials: BillOfMaterials): Part[] {
  const { packages, artifacts = [] } = materials;
  const parts = [
    basePart(materials),
    ...packages.map((locked) => packagePart(locked, materials)),
    ...artifacts.map((artifact) => ({ ...artifact, ref: refOf(artifact) })),
  ];
  return [...new Map(parts.map((part) => [part.ref, part])).values()];
}

/** The base itself: scanners compare its packages with the advisories of the distribution that is named here. */
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

/** The package URL of a locked package. Scanners find advisories by `distro`, and by `upstream`, its source package. */
export function packageUrlOf(
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

/** `VERSION_ID` of os-release(5) in a release of a base; the release's name where it is not known. */
function releaseNumber(releases: Readonly<Record<string, string>>, suite: string): string {
  return releases[suite] ?? suite.replace(/^v(?=\d)/, '');
}

function packagePart(locked: LockedPackage, materials: BillOfMaterials): Part {
  const { name, version, license, sha256 } = locked;
  const { supplier } = BASES[materials.base].packageUrl;
  const purl = packageUrlOf(locked, materials);
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

/** Writes a package URL. packageurl-js leaves `+` as it is; ECMA-427 has it encoded, and some readers take it for a space. */
export function formatPackageUrl(parts: PackageUrl): string {
  const { type, namespace, name, version, qualifiers } = parts;
  return new PackageURL(type, namespace, name, version, qualifiers)
    .toString()
    .replaceAll('+', '%2B');
}
