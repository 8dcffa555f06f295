import { expect, test } from 'vitest';
import { z } from 'zod';
import { formatCycloneDx } from '../../../build/sbom/cyclonedx.ts';
import type { BillOfMaterials } from '../../../build/sbom/materials.ts';
import { formatSpdx } from '../../../build/sbom/spdx.ts';
import { locked, materials } from './bill.ts';
import { schemaErrors } from './schemas.ts';

const document = z.object({
  documentNamespace: z.string(),
  creationInfo: z.object({ created: z.string() }),
  packages: z.array(
    z.object({
      SPDXID: z.string(),
      name: z.string(),
      versionInfo: z.string(),
      licenseDeclared: z.string(),
      supplier: z.string().optional(),
      checksums: z.array(z.object({ algorithm: z.string(), checksumValue: z.string() })).optional(),
      externalRefs: z.array(z.object({ referenceLocator: z.string() })).optional(),
    }),
  ),
  hasExtractedLicensingInfos: z
    .array(z.object({ licenseId: z.string(), name: z.string() }))
    .optional(),
  relationships: z.array(
    z.object({
      spdxElementId: z.string(),
      relationshipType: z.string(),
      relatedSpdxElement: z.string(),
    }),
  ),
});

function read(of: BillOfMaterials) {
  return document.parse(JSON.parse(formatSpdx(of)));
}

test('the document is valid according to the schema of SPDX 2.3, also with licences unknown to SPDX', () => {
  const packages = [...materials.packages, locked('odd', { license: 'as found/in the file' })];
  expect(schemaErrors('spdx', formatSpdx({ ...materials, packages }))).toEqual([]);
  const wrong = formatSpdx(materials).replace('"LIBRARY"', '"BOOK"');
  expect(schemaErrors('spdx', wrong)).not.toEqual([]);
});

test('the document has the packages of the CycloneDX bill, by the same package URLs and hashes', () => {
  const { components } = z
    .object({
      components: z.array(
        z.object({
          name: z.string(),
          purl: z.string().optional(),
          hashes: z.array(z.object({ content: z.string() })).optional(),
        }),
      ),
    })
    .parse(JSON.parse(formatCycloneDx(materials)));
  const theirs = components.map(({ name, purl, hashes = [] }) => [
    ...[name, purl],
    ...hashes.map(({ content }) => content),
  ]);
  const [, ...parts] = read(materials).packages;
  const ours = parts.map(({ name, externalRefs, checksums = [] }) => [
    ...[name, externalRefs?.[0]?.referenceLocator],
    ...checksums.map(({ checksumValue }) => checksumValue),
  ]);
  expect(ours.map(String).sort()).toEqual(theirs.map(String).sort());
});

test('the document describes the appliance, which contains everything else, each with its own identifier', () => {
  const { packages, relationships, creationInfo } = read(materials);
  const [image, ...parts] = packages;
  expect(image).toMatchObject({ name: 'qvdc', versionInfo: '1.2.3' });
  expect(creationInfo.created).toBe('2023-11-14T22:13:20Z');
  expect(relationships).toEqual([
    {
      spdxElementId: 'SPDXRef-DOCUMENT',
      relationshipType: 'DESCRIBES',
      relatedSpdxElement: image?.SPDXID,
    },
    ...parts.map(({ SPDXID }) => ({
      spdxElementId: image?.SPDXID,
      relationshipType: 'CONTAINS',
      relatedSpdxElement: SPDXID,
    })),
  ]);
  const ids = packages.map(({ SPDXID }) => SPDXID);
  expect(new Set(ids).size).toBe(ids.length);
  for (const id of ids) expect(id).toMatch(/^SPDXRef-[A-Za-z0-9.-]+$/);
});

test('a licence is an SPDX expression, or a reference that the document explains', () => {
  const packages = [
    locked('a', { license: 'mit' }),
    locked('b', { license: 'MIT AND (GPL-2.0-only OR Zlib)' }),
    locked('c', { license: 'custom' }),
    locked('d'),
  ];
  const of = read({ ...materials, packages, artifacts: [] });
  const licenses = new Map(of.packages.map((one) => [one.name, one.licenseDeclared]));
  expect(licenses.get('a')).toBe('MIT');
  expect(licenses.get('b')).toBe('MIT AND (GPL-2.0-only OR Zlib)');
  expect(licenses.get('d')).toBe('NOASSERTION');
  expect(of.hasExtractedLicensingInfos).toMatchObject([
    { licenseId: licenses.get('c'), name: 'custom' },
  ]);
  expect(licenses.get('c')).toMatch(/^LicenseRef-[A-Za-z0-9.-]+$/);
});

test('the same content in another order gives the same text, other content another namespace', () => {
  const turned = { ...materials, packages: materials.packages.toReversed() };
  expect(formatSpdx(turned)).toBe(formatSpdx(materials));
  const other = read({ ...materials, artifacts: [] });
  expect(other.documentNamespace).toMatch(/^urn:uuid:[0-9a-f-]{36}$/);
  expect(other.documentNamespace).not.toBe(read(materials).documentNamespace);
});
