import { generateKeyPairSync } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { openWorkshop } from '../build/workshop.ts';
import { TestCacheServer } from '../remote-cache/cache-server.ts';
import { buildOnce, forgetAll } from './builds.ts';
import { compareTaken, type Figure, type Taken, takenBy } from './measure.ts';

/**
 * Measures a second runner's build with a warm remote cache against its build without any results, both with the
 * settings of a release. Both builds have their packages; the server is that of the tests, on this host.
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
  const floors: Taken[] = [];
  const taken: Taken[] = [];
  for (let run = 0; run < runs; run += 1) {
    await forgetAll(workshop);
    floors.push(await takenBy(() => build({})));
    await forgetAll(workshop);
    const reader = { ...address, QUANTIX_REMOTE_CACHE_KEYS: keys };
    taken.push(await takenBy(() => build(reader)));
  }
  const what = `${profile}: second runner, warm remote cache, release`;
  return [compareTaken(what, { taken, floors, floor: 'cold', limit: 0.25 })];
}
