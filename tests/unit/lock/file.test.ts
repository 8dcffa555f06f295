import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { formatLock, lockFile, parseLock, readLock, writeLock } from '../../../build/lock/file.ts';
import { loadProfile } from '../../../build/profile/load.ts';
import { temporaryFolder } from '../folder.ts';
import { PROJECT, withKey, withoutKey } from '../profile/profiles.ts';
import { sampleLock } from './locks.ts';

const lock = sampleLock();
const text = formatLock(lock);

test('a lock that was written reads back the same, sorted', async () => {
  const file = join(await temporaryFolder(), 'qvdc.debian.lock.json');
  await writeLock(file, lock);
  const read = readLock(file);
  expect(read?.packages.map(({ name, flavour }) => [name, flavour])).toEqual([
    ['bash', undefined],
    ['linux', 'full'],
    ['linux', 'virt'],
    ['zlib1g', undefined],
  ]);
  expect(read?.request).toMatchObject({ packages: ['bash', 'zlib1g'], without: ['dpkg', 'perl'] });
  expect({ ...read, request: 0, packages: 0 }).toEqual({ ...lock, request: 0, packages: 0 });
});

test('each package is one line, and the lines do not depend on the order of the packages', () => {
  const lines = text.split('\n').filter((line) => line.startsWith('    {"name"'));
  expect(lines).toHaveLength(4);
  expect(formatLock({ ...lock, packages: [...lock.packages].reverse() })).toBe(text);
  expect(text.endsWith('  ]\n}\n')).toBe(true);
});

test('the text does not depend on the order of keys', () => {
  const turned = lock.packages.map((one) => withKeysTurned(one));
  expect(formatLock({ ...withKeysTurned(lock), packages: turned })).toBe(text);
});

test('a lock without packages is valid JSON', () => {
  expect(parseLock(formatLock({ ...lock, packages: [] }), 'x').packages).toEqual([]);
});

test.each(['quantix-os', 'qvdc'])(
  'the shipped lock of %s is formatted as it would be written',
  async (name) => {
    const file = lockFile(await loadProfile(PROJECT, name), 'debian');
    const shipped = await readFile(file, 'utf8');
    expect(formatLock(parseLock(shipped, file))).toBe(shipped);
  },
);

test('a missing lock is read as undefined', async () => {
  expect(readLock(join(await temporaryFolder(), 'x.lock.json'))).toBeUndefined();
});

test.each([
  ['nothing', ''],
  ['half a lock', text.slice(0, 300)],
  ['a merge conflict', `<<<<<<< ours\n${text}`],
  ['bytes', '\0\0\0'],
])('%s is reported as invalid JSON, with the file', async (_, written) => {
  const file = join(await temporaryFolder(), 'x.lock.json');
  await writeFile(file, written);
  expect(() => readLock(file)).toThrow(/^lock is not JSON: .*x\.lock\.json\)\. Write it again/);
});

test('JSON that is not a lock is reported in plain words', () => {
  expect(() => parseLock('null', 'x')).toThrow('lock is wrong: Invalid input: expected object');
  expect(() => parseLock('[]', 'x')).toThrow('lock is wrong: Invalid input: expected object');
});

test.each([
  [['format'], 2, 'format: '],
  [['base'], 'gentoo', 'base: '],
  [['sourceDateEpoch'], 0, 'sourceDateEpoch: '],
  [['sourceDateEpoch'], '1700000000', 'sourceDateEpoch: '],
  [['repositories', 'bookworm', 'sha256'], 'B'.repeat(64), 'sha256: is not a SHA-256'],
  [['packages', '0', 'path'], '../etc/passwd', 'packages.0.path: is not a relative path'],
  [['packages', '0', 'path'], 'pool/../../x', 'packages.0.path: is not a relative path'],
  [['packages', '0', 'path'], '/pool/x', 'packages.0.path: is not a relative path'],
  [['packages', '0', 'path'], 'pool/a b', 'packages.0.path: is not a relative path'],
  [['packages', '0', 'path'], 'pool/a\n', 'packages.0.path: is not a relative path'],
  [['packages', '0', 'size'], -1, 'packages.0.size: '],
  [['packages', '0', 'size'], 0, 'packages.0.size: '],
  [['packages', '0', 'size'], 1.5, 'packages.0.size: '],
  [['packages', '0', 'size'], 1e300, 'packages.0.size: '],
  [['packages', '0', 'sha256'], 'a'.repeat(63), 'packages.0.sha256: is not a SHA-256'],
  [['packages', '0', 'sha256'], `${'a'.repeat(64)}\n`, 'packages.0.sha256: is not a SHA-256'],
  [['packages', '0', 'flavour'], 'mini', 'packages.0.flavour: '],
  [['packages', '0', 'name'], '', 'packages.0.name: '],
  [['packages', '0', 'script'], 'x', 'packages.0: Unrecognized key: "script"'],
  [['colour'], 'blue', 'lock is wrong: Unrecognized key: "colour"'],
])('%j as %j is reported with its key', (path, value, message) => {
  const wrong = withList(path, value);
  expect(() => parseLock(JSON.stringify(wrong), 'qvdc.lock.json')).toThrow(message);
});

test('a missing key is reported', () => {
  const wrong = JSON.stringify(withoutKey(lock, ['request', 'suite']));
  expect(() => parseLock(wrong, 'x')).toThrow('lock is wrong: request.suite: Invalid input');
});

test('a lock that cannot be written leaves no file', async () => {
  const folder = await temporaryFolder();
  await mkdir(join(folder, 'x.lock.json'));
  await expect(writeLock(join(folder, 'x.lock.json'), lock)).rejects.toThrow('this is a folder');
  expect(await readdir(folder)).toEqual(['x.lock.json']);
});

function withKeysTurned<T extends object>(value: T): T {
  return Object.assign(
    Object.create(null),
    ...Object.entries(value)
      .reverse()
      .map(([key, one]) => ({ [key]: one })),
  );
}

function withList(path: readonly string[], value: unknown): unknown {
  const [list, _index, ...rest] = path;
  if (list !== 'packages') return withKey(lock, path, value);
  const [first, ...others] = lock.packages;
  return { ...lock, packages: [withKey(first, rest, value), ...others] };
}
