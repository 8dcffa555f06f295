import { createHash } from 'node:crypto';
import { Enums, Models, Serialize, Spec } from '@cyclonedx/cyclonedx-library';
import { PackageURL } from 'packageurl-js';
import type { Lock, LockedPackage } from '../lock/schema.ts';
import type { Profile } from '../profile/schema.ts';

/** What a bill of materials is about. */
export interface SbomRequest {
  profile: Profile;
  lock: Lock;
  /** Product version. */
  version: string;
  /** The packages that are in the image. */
  packages: readonly LockedPackage[];
}

/**
 * The bill of materials of an image: CycloneDX 1.6 as JSON. The same packages give the same text: its serial number
 * is made from its content, its time is the lock's.
 */
export function cyclonedx({ profile, lock, version, packages }: SbomRequest): string {
  const image = new Models.Component(Enums.ComponentType.OperatingSystem, profile.title, {
    version,
    bomRef: profile.name,
  });
  const components = packages.map((one) => component(one, lock));
  const bom = new Models.Bom({
    metadata: new Models.Metadata({
      component: image,
      timestamp: new Date(lock.sourceDateEpoch * 1000),
    }),
    components: new Models.ComponentRepository(components),
    serialNumber: serialNumber([profile.name, version, ...packages.map((one) => one.sha256)]),
  });
  const normalizers = new Serialize.JSON.Normalize.Factory(Spec.Spec1dot6);
  const serializer = new Serialize.JsonSerializer(normalizers);
  return `${serializer.serialize(bom, { sortLists: true, space: 2 })}\n`;
}

function component(one: LockedPackage, lock: Lock): Models.Component {
  const purl = purlOf(one, lock);
  return new Models.Component(Enums.ComponentType.Library, one.name, {
    version: one.version,
    bomRef: purl,
    purl,
    hashes: new Models.HashDictionary([[Enums.HashAlgorithm['SHA-256'], one.sha256]]),
    ...(one.license === undefined
      ? {}
      : { licenses: new Models.LicenseRepository([new Models.NamedLicense(one.license)]) }),
  });
}

/** Package URL of a Debian package (purl-spec, type deb). */
function purlOf(one: LockedPackage, lock: Lock): string {
  const qualifiers = { arch: one.architecture, distro: lock.request.suite };
  return new PackageURL('deb', 'debian', one.name, one.version, qualifiers, undefined).toString();
}

/** A URN with a UUID of version 8 (RFC 9562, 5.8) made of a hash over the parts. */
function serialNumber(parts: readonly string[]): string {
  const hex = createHash('sha256').update(parts.join('\n')).digest('hex');
  const variant = ((Number.parseInt(hex.slice(16, 17), 16) & 0x3) | 0x8).toString(16);
  const groups = [
    hex.slice(0, 8),
    hex.slice(8, 12),
    `8${hex.slice(13, 16)}`,
    `${variant}${hex.slice(17, 20)}`,
    hex.slice(20, 32),
  ];
  return `urn:uuid:${groups.join('-')}`;
}
