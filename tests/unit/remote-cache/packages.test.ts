import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { expect, test, vi } from 'vitest';
import { fetchAll } from '../../../build/cache/fetch.ts';
import { RemoteCache } from '../../../build/remote-cache/remote-cache.ts';
import type { RemoteCacheSettings } from '../../../build/remote-cache/settings.ts';
import { downloadOf, emptyStore, fileHandler, serve } from '../cache/room.ts';
import { cacheServer, reader, TIME, UNHURRIED, writer } from './runner.ts';

vi.setConfig({ testTimeout: TIME });

/** A package on a mirror, which counts its requests. */
async function mirror() {
  const content = randomBytes(100_000);
  const { url, asked } = await serve(fileHandler(content));
  return { content, item: downloadOf(content, [`${url}/a.deb`]), asked };
}

/**
 * Gets a package as a build does: from the remote cache, or else from the mirror; then the package is stored in the
 * cache.
 */
async function get(
  item: Awaited<ReturnType<typeof mirror>>['item'],
  settings: RemoteCacheSettings,
) {
  const { store } = await emptyStore();
  await using remote = new RemoteCache(settings, UNHURRIED);
  await remote.fetchPackages([item], store);
  const { fetched } = await fetchAll([item], { store, concurrency: 1 });
  remote.offerPackages([item], store);
  await remote.settle();
  return { bytes: await readFile(store.path(item.sha256)), fetched, report: remote.report() };
}

test('a package that one runner downloaded is served to the next one from the cache', async () => {
  const server = await cacheServer();
  const { content, item, asked } = await mirror();
  const first = await get(item, writer(server));
  expect([first.fetched, first.report.packages]).toEqual([1, { asked: 1, had: 0, brought: 1 }]);
  const second = await get(item, reader(server));
  expect([second.fetched, second.report.packages]).toEqual([0, { asked: 1, had: 1, brought: 0 }]);
  expect(second.bytes.equals(content)).toBe(true);
  expect(asked).toHaveLength(1);
});

test('a package with wrong bytes in the cache is refused, and downloaded from the mirror', async () => {
  const server = await cacheServer();
  const { content, item } = await mirror();
  server.blobs.set(item.sha256, randomBytes(item.size));
  const { bytes, fetched, report } = await get(item, reader(server));
  expect([fetched, report.refused.length]).toEqual([1, 1]);
  expect(bytes.equals(content)).toBe(true);
});

test('with a failing cache, packages are downloaded from the mirrors', async () => {
  const server = await cacheServer({
    instead: (_request, response) => {
      response.writeHead(500).end();
      return true;
    },
  });
  const { item } = await mirror();
  const { fetched, report } = await get(item, writer(server));
  expect([fetched, report.givenUp]).toEqual([1, 'the server answered 500 Internal Server Error']);
});
