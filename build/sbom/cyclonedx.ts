import { createHash } from 'node:crypto';
import { Contrib, Enums, Models, Serialize, Spec } from '@cyclonedx/cyclonedx-library';
import { PackageURL } from 'packageurl-js';
import parseLicense from 'spdx-expression-parse';
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

/** Makes of a licence's text an SPDX id, an SPDX expression, or, where it is neither, just a name. */
const LICENSES = new Contrib.License.Factories.LicenseFactory(parseLicense);

/**
 * The software bill of materials as CycloneDX 1.6 JSON (ECMA-424). The same content gives the same text:
 * lists are sorted, the time is the lock's, and the serial number is made from the content.
 */
export function cyclonedx(materials: BillOfMaterials): string {
  const serialNumber = serialNumberOf(serialize(billOf(materials, undefined)));
  return `${serialize(billOf(materials, serialNumber))}\n`;
}

function serialize(bill: Models.Bom): string {
  const factory = new Serialize.JSON.Normalize.Factory(Spec.Spec1dot6);
  return new Serialize.JsonSerializer(factory).serialize(bill, { sortLists: true, space: 2 });
}

function billOf(materials: BillOfMaterials, serialNumber: string | undefined): Models.Bom {
  const { appliance, packages, artifacts = [], sourceDateEpoch } = materials;
  const parts = new Map(
    [
      ...packages.map((locked) => packagePart(locked, materials)),
      ...artifacts.map(artifactPart),
    ].map((part) => [part.bomRef.value, part]),
  )
    .values()
    .toArray();
  const component = new Models.Component(Enums.ComponentType.OperatingSystem, appliance.name, {
    bomRef: `${appliance.name}@${appliance.version}`,
    version: appliance.version,
    description: appliance.title,
    dependencies: new Models.BomRefRepository(parts.map(({ bomRef }) => bomRef)),
  });
  return new Models.Bom({
    ...(serialNumber === undefined ? {} : { serialNumber }),
    metadata: new Models.Metadata({ timestamp: new Date(sourceDateEpoch * 1000), component }),
    components: new Models.ComponentRepository(parts),
  });
}

function packagePart(locked: LockedPackage, { base, suite }: BillOfMaterials): Models.Component {
  const { type, namespace, supplier } = BASES[base].packageUrl;
  const { name, version, architecture, source = name, license, sha256 } = locked;
  const upstream = source === name ? {} : { upstream: source };
  const qualifiers = { arch: architecture, distro: suite, ...upstream };
  const purl = formatPackageUrl({ type, namespace, name, version, qualifiers });
  const hashes = { 'SHA-256': sha256 };
  return artifactPart({ type: 'library', name, version, hashes, purl, license, supplier });
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

const TYPES = {
  application: Enums.ComponentType.Application,
  library: Enums.ComponentType.Library,
} as const;

function artifactPart(of: Artifact): Models.Component {
  const { type, name, version, purl, url, license, supplier } = of;
  return new Models.Component(TYPES[type], name, {
    bomRef: purl ?? `${name}@${version}`,
    version,
    hashes: new Models.HashDictionary(hashesOf(of)),
    licenses: new Models.LicenseRepository(
      license === undefined ? [] : [LICENSES.makeFromString(license)],
    ),
    externalReferences: new Models.ExternalReferenceRepository(
      url === undefined
        ? []
        : [new Models.ExternalReference(url, Enums.ExternalReferenceType.Distribution)],
    ),
    ...(purl === undefined ? {} : { purl }),
    ...(supplier === undefined
      ? {}
      : { supplier: new Models.OrganizationalEntity({ name: supplier }) }),
  });
}

function hashesOf({ hashes }: Artifact): [Enums.HashAlgorithm, string][] {
  return (['SHA-256', 'SHA-512'] as const).flatMap((algorithm) => {
    const hash = hashes[algorithm];
    return hash === undefined ? [] : [[Enums.HashAlgorithm[algorithm], hash]];
  });
}

/** A name-based UUID of version 8 (RFC 9562, section 5.8): 122 bits of a SHA-256. */
function serialNumberOf(text: string): string {
  const bytes = createHash('sha256').update(text).digest().subarray(0, 16);
  bytes.writeUInt8((bytes.readUInt8(6) & 0x0f) | 0x80, 6);
  bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8);
  const hex = bytes.toString('hex');
  return `urn:uuid:${hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')}`;
}
