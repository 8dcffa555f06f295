import { generateKeyPairSync } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { openWorkshop } from '../build/workshop.ts';
import { TestCacheServer } from '../remote-cache/cache-server.ts';
import { buildOnce, forgetAll } from './builds.ts';
import { type Figure, median, secondsOf } from './measure.ts';

/**
 * Measures the build of a second runner with a warm remote cache against a cold one, with the settings of a release. Both
 * have their packages; the server is that of the tests, on this host.
 */
export async function measureRemoteCache(profile: string, runs: number): Promise<Figure[]> {
  await using workshop = await openWorkshop();
  await using server = await TestCacheServer.open();
  const keys = join(workshop.directory, 'remote-cache-keys');
  const key = join(workshop.directory, 'remote-cache.key');
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  await mkdir(keys);
  await writeFile(key, privateKey.export({ type: 'pkcs8', format: 'pem' }));
  await writeFile(join(keys, 'ci.pem'), publicKey.export({ type: 'spki', format: 'pem' }));
  const build = (env: Record<string, string>) =>
    buildOnce(workshop, ['iso', '--profile', profile, '--release'], env);
  const address = { QUANTIX_REMOTE_CACHE: server.url };
  await build({
    ...address,
    QUANTIX_REMOTE_CACHE_KEY: key,
    QUANTIX_REMOTE_CACHE_WRITE: 'yes',
  });
  const cold: number[] = [];
  const warm: number[] = [];
  for (let run = 0; run < runs; run += 1) {
    await forgetAll(workshop);
    cold.push(await secondsOf(() => build({})));
    await forgetAll(workshop);
    const reader = { ...address, QUANTIX_REMOTE_CACHE_KEYS: keys };
    warm.push(await secondsOf(() => build(reader)));
  }
  const [first, second] = [median(cold), median(warm)];
  return [
    {
      what: `${profile}: second runner, warm remote cache, release`,
      value: second / first,
      limit: 0.25,
      unit: '×',
      note: `${second.toFixed(2)} s, cold ${first.toFixed(2)} s`,
    },
  ];
}
