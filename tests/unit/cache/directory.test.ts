import { join, resolve } from 'node:path';
import { execa } from 'execa';
import { expect, test } from 'vitest';
import { cacheDirectory } from '../../../build/cache/directory.ts';

const MODULE = join(import.meta.dirname, '../../../build/cache/directory.ts');

test('a named folder is the cache, whatever the environment says; an empty name counts as none', () => {
  const env = { QUANTIX_CACHE: '/srv/qx', HOME: '/home/a' };
  expect(cacheDirectory('near', env).root).toBe(resolve('near'));
  expect(cacheDirectory('', env).root).toBe('/srv/qx');
});

test('QUANTIX_CACHE takes precedence over the usual folder', () => {
  const env = { QUANTIX_CACHE: '/srv/qx', XDG_CACHE_HOME: '/xdg', HOME: '/home/a' };
  expect(cacheDirectory(undefined, env)).toMatchObject({ root: '/srv/qx', tmp: '/srv/qx/tmp' });
  expect(cacheDirectory(undefined, { QUANTIX_CACHE: 'near' }).root).toBe(resolve('near'));
});

test('without QUANTIX_CACHE the cache is in the user’s folder for caches', () => {
  expect(cacheDirectory(undefined, { XDG_CACHE_HOME: '/xdg', HOME: '/home/a' }).root).toBe(
    '/xdg/quantix',
  );
  expect(cacheDirectory(undefined, { HOME: '/home/a' }).root).toBe('/home/a/.cache/quantix');
});

test('a relative XDG_CACHE_HOME is ignored, and an empty variable counts as unset', () => {
  const env = { QUANTIX_CACHE: '', XDG_CACHE_HOME: 'xdg', HOME: '/home/a' };
  expect(cacheDirectory(undefined, env).root).toBe('/home/a/.cache/quantix');
});

test.skipIf(process.getuid?.() !== 0)(
  'a user without a name and without HOME gets an error that asks for a cache folder (needs root, to become one)',
  async () => {
    const code = `const { cacheDirectory } = await import(${JSON.stringify(MODULE)});
      process.setgid(54321); process.setuid(54321); delete process.env.HOME;
      try { cacheDirectory(undefined, {}); } catch (error) { console.log(error.name, error.message); }`;
    const { stdout } = await execa(process.execPath, ['--input-type=module', '-e', code]);
    expect(stdout).toMatch(
      /^BuildError there is no place for the cache.*--cache-dir or QUANTIX_CACHE/,
    );
  },
);
