import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { npmClosure, parseNpmLock, readLocked } from '../../../build/step/npm.ts';
import { temporaryFolder } from '../folder.ts';

/** A lock with these packages: folder → what it depends on. */
function lockOf(packages: Record<string, string[]>) {
  const entries = Object.entries(packages).map(([folder, names]) => [
    folder,
    { version: '1.0.0', dependencies: Object.fromEntries(names.map((name) => [name, '*'])) },
  ]);
  return parseNpmLock(
    JSON.stringify({ lockfileVersion: 3, packages: Object.fromEntries(entries) }),
  );
}

test('what a package depends on is found, directly or not, each once', () => {
  const lock = lockOf({
    'node_modules/a': ['b', '@c/d'],
    'node_modules/b': ['a'],
    'node_modules/@c/d': ['e'],
    'node_modules/e': [],
    'node_modules/other': [],
  });
  expect(npmClosure(lock, ['a'])).toEqual([
    'node_modules/@c/d',
    'node_modules/a',
    'node_modules/b',
    'node_modules/e',
  ]);
});

test('a dependency is the nearest of its name, as Node looks for it', () => {
  const lock = lockOf({
    'node_modules/a': ['x'],
    'node_modules/a/node_modules/x': ['y'],
    'node_modules/a/node_modules/@s/z': [],
    'node_modules/x': [],
    'node_modules/y': ['x'],
  });
  expect(npmClosure(lock, ['a'])).toEqual([
    'node_modules/a',
    'node_modules/a/node_modules/x',
    'node_modules/x',
    'node_modules/y',
  ]);
});

test('what is not in the lock is passed over', () => {
  expect(npmClosure(lockOf({ 'node_modules/a': ['nowhere'] }), ['a', 'b'])).toEqual([
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

test('names that every object has are no packages', () => {
  const lock = parseNpmLock('{"lockfileVersion": 3, "packages": {"__proto__": {"version": "1"}}}');
  expect(npmClosure(lock, ['__proto__', 'constructor'])).toEqual([]);
});
