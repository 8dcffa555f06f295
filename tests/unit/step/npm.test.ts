import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import {
  computeNpmClosure,
  listInstalledDifferently,
  parseNpmLock,
  readInstalled,
  readLocked,
} from '../../../build/step/npm.ts';
import { temporaryFolder } from '../folder.ts';

/** A lock with these packages: folder → dependencies. */
function lockOf(packages: Record<string, string[]>) {
  const entries = Object.entries(packages).map(([folder, names]) => [
    folder,
    { version: '1.0.0', dependencies: Object.fromEntries(names.map((name) => [name, '*'])) },
  ]);
  return parseNpmLock(
    JSON.stringify({ lockfileVersion: 3, packages: Object.fromEntries(entries) }),
  );
}

test('direct and indirect dependencies of a package are found, each once', () => {
  const lock = lockOf({
    'node_modules/a': ['b', '@c/d'],
    'node_modules/b': ['a'],
    'node_modules/@c/d': ['e'],
    'node_modules/e': [],
    'node_modules/other': [],
  });
  expect(computeNpmClosure(lock, ['a'])).toEqual([
    'node_modules/@c/d',
    'node_modules/a',
    'node_modules/b',
    'node_modules/e',
  ]);
});

test('a dependency is the nearest package of that name, as in Node’s resolution', () => {
  const lock = lockOf({
    'node_modules/a': ['x'],
    'node_modules/a/node_modules/x': ['y'],
    'node_modules/a/node_modules/@s/z': [],
    'node_modules/x': [],
    'node_modules/y': ['x'],
  });
  expect(computeNpmClosure(lock, ['a'])).toEqual([
    'node_modules/a',
    'node_modules/a/node_modules/x',
    'node_modules/x',
    'node_modules/y',
  ]);
});

test('packages that are not in the lock are skipped', () => {
  expect(computeNpmClosure(lockOf({ 'node_modules/a': ['nowhere'] }), ['a', 'b'])).toEqual([
    'node_modules/a',
  ]);
});

test.each(['', '{', '[]', '{"lockfileVersion": 1, "packages": {}}', '{"lockfileVersion": 3}'])(
  'a lock that says %j is refused with its path',
  async (text) => {
    const folder = await temporaryFolder();
    await writeFile(join(folder, 'package-lock.json'), text);
    expect(() => readLocked(folder)).toThrow(
      /npm's list of packages cannot be read.*package-lock\.json/,
    );
  },
);

test('names of JavaScript object properties are not packages', () => {
  const lock = parseNpmLock('{"lockfileVersion": 3, "packages": {"__proto__": {"version": "1"}}}');
  expect(computeNpmClosure(lock, ['__proto__', 'constructor'])).toEqual([]);
});

test('packages whose installed version differs from the lock are reported, each once', () => {
  const packages = (versions: Record<string, string>) =>
    new Map(
      Object.entries(versions).map(([name, version]) => [`node_modules/${name}`, { version }]),
    );
  const asked = packages({ a: '1', b: '1', missing: '1' });
  expect(listInstalledDifferently(packages({ a: '1', b: '1' }), asked)).toEqual([]);
  expect(listInstalledDifferently(packages({ a: '2', b: '1', c: '1' }), asked)).toEqual([
    'a is 2 instead of 1',
    'c is installed and not asked for',
  ]);
});

test('without installed packages, the error has a fix', async () => {
  const folder = await temporaryFolder();
  expect(() => readInstalled(folder)).toThrow(/Install the packages: npm ci$/);
});
