import { resolve } from 'node:path';
import { expect, test } from 'vitest';
import { cacheDirectory } from '../../../build/cache/directory.ts';

test('the cache is where QUANTIX_CACHE says, before everything else', () => {
  const env = { QUANTIX_CACHE: '/srv/qx', XDG_CACHE_HOME: '/xdg', HOME: '/home/a' };
  expect(cacheDirectory(env)).toMatchObject({ root: '/srv/qx', tmp: '/srv/qx/tmp' });
  expect(cacheDirectory({ QUANTIX_CACHE: 'near' }).root).toBe(resolve('near'));
});

test('without it the cache is in the user cache folder', () => {
  expect(cacheDirectory({ XDG_CACHE_HOME: '/xdg', HOME: '/home/a' }).root).toBe('/xdg/quantix');
  expect(cacheDirectory({ HOME: '/home/a' }).root).toBe('/home/a/.cache/quantix');
});

test('a relative XDG_CACHE_HOME is ignored, and an empty variable is none', () => {
  const env = { QUANTIX_CACHE: '', XDG_CACHE_HOME: 'xdg', HOME: '/home/a' };
  expect(cacheDirectory(env).root).toBe('/home/a/.cache/quantix');
});
