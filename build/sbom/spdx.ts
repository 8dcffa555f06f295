import { createHash } from 'node:crypto';
import { Models } from '@cyclonedx/cyclonedx-library';
import { deriveContentUrn } from './content-urn.ts';
import { readLicense } from './license.ts';
import { type BillOfMaterials, listParts, type Part } from './materials.ts';

/** SPDX's value for unknown facts. */
const UNKNOWN = 'NOASSERTION';

const PURPOSES = {
  application: 'APPLICATION',
  library: 'LIBRARY',
  'operating-system': 'OPERATING_SYSTEM',
} as const satisfies Record<Part['type'], string>;

/**
 * Formats the software bill of materials as SPDX 2.3 JSON, with the same parts as the CycloneDX document. The same
 * content gives the same text: lists are sorted, the time is the lock's, and the namespace is derived from the content.
 */
export function formatSpdx(materials: BillOfMaterials): string {
  const unnamed = documentOf(materials);
  const documentNamespace = deriveContentUrn(JSON.stringify(unnamed));
  return `${JSON.stringify({ ...unnamed, documentNamespace }, null, 2)}\n`;
}

function documentOf(materials: BillOfMaterials) {
  const { appliance, sourceDateEpoch } = materials;
  const { name, title, version } = appliance;
  const parts = listParts(materials).toSorted((a, b) => order(a.ref, b.ref));
  const root = idOf({ name, ref: `${name}@${version}` });
  const image = {
    SPDXID: root,
    name,
    versionInfo: version,
    summary: title,
    downloadLocation: UNKNOWN,
    filesAnalyzed: false,
    primaryPackagePurpose: PURPOSES['operating-system'],
    licenseConcluded: UNKNOWN,
    licenseDeclared: UNKNOWN,
    copyrightText: UNKNOWN,
  };
  const contained = parts.map((part) => relate(root, 'CONTAINS', idOf(part)));
  const named = new Map(parts.flatMap(namedLicense).map((one) => [one.licenseId, one]));
  const extracted = [...named.values()].sort((a, b) => order(a.licenseId, b.licenseId));
  return {
    spdxVersion: 'SPDX-2.3',
    dataLicense: 'CC0-1.0',
    SPDXID: 'SPDXRef-DOCUMENT',
    name: `${name}-${version}`,
    creationInfo: {
      // Without fractions of a second: SPDX 2.3, 6.9.
      created: new Date(sourceDateEpoch * 1000).toISOString().replace(/\.\d+Z$/, 'Z'),
      creators: [`Tool: qx-build-${version}`],
    },
    packages: [image, ...parts.map(packageOf)],
    ...(extracted.length === 0 ? {} : { hasExtractedLicensingInfos: extracted }),
    relationships: [relate('SPDXRef-DOCUMENT', 'DESCRIBES', root), ...contained],
  };
}

function packageOf(part: Part) {
  const { type, name, version, hashes, purl, url, license, supplier } = part;
  const checksums = (['SHA-256', 'SHA-512'] as const).flatMap((algorithm) => {
    const checksumValue = hashes[algorithm];
    return checksumValue === undefined
      ? []
      : [{ algorithm: algorithm.replace('-', ''), checksumValue }];
  });
  return {
    SPDXID: idOf(part),
    name,
    versionInfo: version,
    ...(supplier === undefined ? {} : { supplier: `Organization: ${supplier}` }),
    downloadLocation: url ?? UNKNOWN,
    filesAnalyzed: false,
    primaryPackagePurpose: PURPOSES[type],
    ...(checksums.length === 0 ? {} : { checksums }),
    licenseConcluded: UNKNOWN,
    licenseDeclared: license === undefined ? UNKNOWN : expressionOf(license),
    copyrightText: UNKNOWN,
    ...(purl === undefined
      ? {}
      : {
          externalRefs: [
            {
              referenceCategory: 'PACKAGE-MANAGER',
              referenceType: 'purl',
              referenceLocator: purl,
            },
          ],
        }),
  };
}

function relate(spdxElementId: string, relationshipType: string, relatedSpdxElement: string) {
  return { spdxElementId, relationshipType, relatedSpdxElement };
}

/**
 * Returns a part's unique identifier (SPDX 2.3, 3.2: letters, digits, `.` and `-`): its name and a hash of its `ref`.
 */
function idOf({ name, ref }: Pick<Part, 'name' | 'ref'>): string {
  return `SPDXRef-${plain(name)}-${createHash('sha256').update(ref).digest('hex').slice(0, 16)}`;
}

/** Converts a licence to an SPDX expression; a plain name becomes a reference to its entry in the document. */
function expressionOf(text: string): string {
  const license = readLicense(text);
  if (license instanceof Models.SpdxLicense) return license.id;
  if (license instanceof Models.LicenseExpression) return license.expression;
  return referenceOf(text);
}

/** Returns the document's entry for a licence that SPDX does not know. */
function namedLicense({ license }: Part) {
  if (license === undefined || expressionOf(license) !== referenceOf(license)) return [];
  const extractedText = `The package names its licence "${license}"; the text is in the package.`;
  return [{ licenseId: referenceOf(license), name: license, extractedText }];
}

function referenceOf(license: string): string {
  const hash = createHash('sha256').update(license).digest('hex').slice(0, 8);
  return `LicenseRef-${plain(license).slice(0, 60)}-${hash}`;
}

function plain(text: string): string {
  return text.replace(/[^A-Za-z0-9.]+/g, '-');
}

function order(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
