import { expect, test } from 'vitest';
import { z } from 'zod';
import { formatCycloneDx } from '../../../build/sbom/cyclonedx.ts';
import type { BillOfMaterials } from '../../../build/sbom/materials.ts';
import { locked, materials } from './bill.ts';
import { schemaErrors } from './schemas.ts';

const bill = z.object({
  bomFormat: z.literal('CycloneDX'),
  specVersion: z.literal('1.6'),
  serialNumber: z.string(),
  metadata: z.object({
    timestamp: z.string(),
    component: z.object({ name: z.string(), version: z.string(), type: z.string() }),
  }),
  components: z.array(
    z.object({
      type: z.string(),
      name: z.string(),
      version: z.string(),
      purl: z.string().optional(),
      hashes: z.array(z.object({ alg: z.string(), content: z.string() })).optional(),
      licenses: z.array(z.unknown()).optional(),
      supplier: z.object({ name: z.string() }).optional(),
    }),
  ),
});

function read(of: BillOfMaterials) {
  return bill.parse(JSON.parse(formatCycloneDx(of)));
}

/** Returns the components without the base itself. */
function components(of: BillOfMaterials) {
  return read(of).components.filter(({ type }) => type !== 'operating-system');
}

test('the bill is valid according to the schema of CycloneDX 1.6', () => {
  expect(schemaErrors('cyclonedx', formatCycloneDx(materials))).toEqual([]);
  const wrong = formatCycloneDx(materials).replace('"SHA-256"', '"SHA-257"');
  expect(schemaErrors('cyclonedx', wrong)).not.toEqual([]);
});

test.each([
  ['debian', 'bookworm', 'debian', '12'],
  ['debian', 'sid', 'debian', 'sid'],
  ['alpine', 'v3.24', 'alpine', '3.24'],
] as const)(
  'base %s %s is a component by which scanners recognize the distribution',
  (base, suite, name, version) => {
    const parts = read({ ...materials, base, suite }).components;
    const systems = parts.filter(({ type }) => type === 'operating-system');
    expect(systems).toMatchObject([{ name, version }]);
  },
);

test('the bill names the appliance, its version and the time of the lock', () => {
  expect(read(materials).metadata).toEqual({
    timestamp: '2023-11-14T22:13:20.000Z',
    component: { name: 'qvdc', version: '1.2.3', type: 'operating-system' },
  });
});

test('every package has a package URL, its hash and its supplier; artifacts come first', () => {
  const [node, libc, zlib] = components(materials);
  expect(libc).toMatchObject({
    name: 'libc6',
    purl: 'pkg:deb/debian/libc6@1:2.36-9%2Bdeb12u10?arch=amd64&distro=debian-12',
    hashes: [{ alg: 'SHA-256', content: 'ab'.repeat(32) }],
    supplier: { name: 'Debian' },
  });
  expect(node).toMatchObject({ name: 'node', supplier: { name: 'OpenJS Foundation' } });
  expect(zlib?.purl).toMatch(/\?arch=amd64&distro=debian-12&upstream=zlib$/);
});

test('a package URL has the version of the source package if that differs', () => {
  const packages = [locked('dmsetup', { source: 'lvm2', sourceVersion: '2.03.31-2' })];
  const [part] = components({ ...materials, packages, artifacts: [] });
  expect(part?.purl).toMatch(/&upstream=lvm2%402\.03\.31-2$/);
});

test('packages of Alpine have apk package URLs', () => {
  const packages = [locked('musl', { version: '1.2.5-r9', architecture: 'x86_64' })];
  const of = { ...materials, base: 'alpine', suite: 'v3.24', packages, artifacts: [] } as const;
  expect(components(of).map(({ purl }) => purl)).toEqual([
    'pkg:apk/alpine/musl@1.2.5-r9?arch=x86_64&distro=alpine-3.24',
  ]);
});

test.each([
  ['Apache-2.0', { license: { id: 'Apache-2.0' } }],
  ['mit', { license: { id: 'MIT' } }],
  [
    'GPL-2.0-or-later WITH GCC-exception-2.0',
    { expression: 'GPL-2.0-or-later WITH GCC-exception-2.0' },
  ],
  ['MIT AND (GPL-2.0-only OR Zlib)', { expression: 'MIT AND (GPL-2.0-only OR Zlib)' }],
  ['MIT WITH No-such-exception', { license: { name: 'MIT WITH No-such-exception' } }],
  ['MIT AND', { license: { name: 'MIT AND' } }],
  ['(MIT', { license: { name: '(MIT' } }],
  ['MIT Zlib', { license: { name: 'MIT Zlib' } }],
  ['custom', { license: { name: 'custom' } }],
])(
  'licence %j is an SPDX id or expression if it is valid as such, else a name',
  (license, expected) => {
    const packages = [locked('a', { license })];
    const [part] = components({ ...materials, packages, artifacts: [] });
    expect(part?.licenses).toEqual([expected]);
  },
);

test('the same content in another order gives the same text, other content another serial number', () => {
  const turned = { ...materials, packages: materials.packages.toReversed() };
  expect(formatCycloneDx(turned)).toBe(formatCycloneDx(materials));
  const other = read({ ...materials, artifacts: [] });
  expect(other.serialNumber).toMatch(
    /^urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
  );
  expect(other.serialNumber).not.toBe(read(materials).serialNumber);
});

test('a package that is listed for both kernel flavours appears once', () => {
  const packages = [locked('a', { flavour: 'virt' }), locked('a', { flavour: 'full' })];
  expect(components({ ...materials, packages, artifacts: [] })).toHaveLength(1);
});
