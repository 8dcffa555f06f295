import { mkdir, rename } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { TestCacheServer } from '../remote-cache/cache-server.ts';
import { addHello } from './hello.ts';
import { stepsDone } from './stages.ts';
import { type Outcome, openWorkshop, type Workshop } from './workshop.ts';

const PROFILE = ['--profile', 'qvdc', '--base', 'debian'];
const ISO = ['iso', '--json', ...PROFILE];
let server: TestCacheServer;
let first: Workshop;
let second: Workshop;
let filled: Outcome;
/** Variables of a builder that only reads. */
let reads: Record<string, string>;

beforeAll(async () => {
  server = await TestCacheServer.open();
  [first, second] = [await openWorkshop(), await openWorkshop()];
  for (const { directory } of [first, second]) await addHello(directory);
  const key = join(first.directory, '../ci.key');
  await first.run(['key', 'new', key, '--plain']);
  const keys = join(second.directory, '../keys');
  await mkdir(keys);
  await rename(join(dirname(key), 'ci.pem'), join(keys, 'ci.pem'));
  const address = { QUANTIX_REMOTE_CACHE: server.url };
  reads = { ...address, QUANTIX_REMOTE_CACHE_KEYS: keys };
  const writes = {
    ...address,
    QUANTIX_REMOTE_CACHE_KEY: key,
    QUANTIX_REMOTE_CACHE_WRITE: 'yes',
  };
  filled = await first.run(ISO, { env: writes });
  return async () => {
    await first[Symbol.asyncDispose]();
    await second[Symbol.asyncDispose]();
    await server[Symbol.asyncDispose]();
  };
});

test('a trusted runner stores the results of all its steps', () => {
  expect(filled.exitCode, filled.stderr).toBe(0);
  expect(filled.stdout).toMatch(/remote cache: 0 of 5 steps, .* 0 refused, 5 steps.* uploaded/);
  expect(server.actions.size).toBe(5);
});

test('on another runner explain reports which steps come from the remote cache', async () => {
  const { stdout } = await second.run(['explain', ...PROFILE], { env: reads });
  expect(stdout).toContain('qvdc squashfs: comes from the remote cache, made by ci\n');
  expect(stdout).toContain('qvdc iso: runs\n');
  expect(stdout).toContain('remote cache: 5 of 5 steps');
});

test('another runner only writes the documents and the ISO, which is identical', async () => {
  const built = await second.run(ISO, { env: reads });
  expect(built.exitCode, built.stderr).toBe(0);
  expect(stepsDone(built)).toEqual(['documents', 'iso']);
  expect(built.stdout).toMatch(/remote cache: 5 of 5 steps, [\d.]+ MB down, 0 refused"/);
  expect(built.built.get('qvdc')?.sha256).toBe(filled.built.get('qvdc')?.sha256);
});

test('explain reports who made each local result, even without the remote cache', async () => {
  const { stdout } = await second.run(['explain', ...PROFILE]);
  expect(stdout).toContain('qvdc squashfs: stays, made by ci\n');
});

test('with --no-remote-cache every step runs locally, and the ISO is identical', async () => {
  const built = await second.run([...ISO, '--no-remote-cache'], { env: reads });
  expect(built.exitCode, built.stderr).toBe(0);
  expect(stepsDone(built)).toEqual(stepsDone(filled));
  expect(built.stdout).not.toContain('remote cache:');
  expect(built.built.get('qvdc')?.sha256).toBe(filled.built.get('qvdc')?.sha256);
});
