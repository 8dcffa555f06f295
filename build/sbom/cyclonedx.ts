import { Enums, Models, Serialize, Spec } from '@cyclonedx/cyclonedx-library';
import { deriveContentUrn } from './content-urn.ts';
import { readLicense } from './license.ts';
import { type BillOfMaterials, listParts, type Part } from './materials.ts';

/**
 * Formats the software bill of materials as CycloneDX 1.6 JSON (ECMA-424). The same content gives the same text: lists
 * are sorted, the time is the lock's, and the serial number is derived from the content.
 * @param vulnerabilities known vulnerabilities of the parts; they refer to packages by package URL
 */
export function formatCycloneDx(
  materials: BillOfMaterials,
  vulnerabilities: readonly Models.Vulnerability.Vulnerability[] = [],
): string {
  const bill = billOf(materials, vulnerabilities);
  bill.serialNumber = deriveContentUrn(serialize(bill));
  return `${serialize(bill)}\n`;
}

function serialize(bill: Models.Bom): string {
  const factory = new Serialize.JSON.Normalize.Factory(Spec.Spec1dot6);
  return new Serialize.JsonSerializer(factory).serialize(bill, { sortLists: true, space: 2 });
}

function billOf(
  materials: BillOfMaterials,
  vulnerabilities: readonly Models.Vulnerability.Vulnerability[],
): Models.Bom {
  const { appliance, sourceDateEpoch } = materials;
  const parts = listParts(materials).map(componentOf);
  const component = new Models.Component(Enums.ComponentType.OperatingSystem, appliance.name, {
    bomRef: `${appliance.name}@${appliance.version}`,
    version: appliance.version,
    description: appliance.title,
    dependencies: new Models.BomRefRepository(parts.map(({ bomRef }) => bomRef)),
  });
  return new Models.Bom({
    metadata: new Models.Metadata({ timestamp: new Date(sourceDateEpoch * 1000), component }),
    components: new Models.ComponentRepository(parts),
    vulnerabilities: new Models.Vulnerability.VulnerabilityRepository(vulnerabilities),
  });
}

const TYPES = {
  application: Enums.ComponentType.Application,
  library: Enums.ComponentType.Library,
  'operating-system': Enums.ComponentType.OperatingSystem,
} as const satisfies Record<Part['type'], Enums.ComponentType>;

function componentOf(part: Part): Models.Component {
  const { type, name, version, purl, url, license, supplier, ref } = part;
  return new Models.Component(TYPES[type], name, {
    bomRef: ref,
    version,
    hashes: new Models.HashDictionary(hashesOf(part)),
    licenses: new Models.LicenseRepository(license === undefined ? [] : [readLicense(license)]),
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

function hashesOf({ hashes }: Part): [Enums.HashAlgorithm, string][] {
  return (['SHA-256', 'SHA-512'] as const).flatMap((algorithm) => {
    const hash = hashes[algorithm];
    return hash === undefined ? [] : [[Enums.HashAlgorithm[algorithm], hash]];
  });
}
