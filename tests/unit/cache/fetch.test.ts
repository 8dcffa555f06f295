import { expect, test } from 'vitest';
import { PackageGone } from '../../../build/cache/download-error.ts';
import { fetchAll, requireCached } from '../../../build/cache/fetch.ts';
import { type FetchProgress, ProgressMeter } from '../../../build/cache/fetch-progress.ts';
import { fileHandler, leftovers, sample, serve, testContext } from './room.ts';

/**
 * Starts a server with only some files, `/0`, `/1`, ….
 * @param together number of requests that must be open before the server answers them
 */
async function serveSamples(count: number, together = 1) {
  const samples = Array.from({ length: count }, () => sample([], 100_000));
  let now = 0;
  let most = 0;
  let waiting: (() => void)[] = [];
  const server = await serve((request, response) => {
    const found = samples[Number(request.url?.slice(1))];
    if (found === undefined) {
      response.writeHead(404).end();
      return;
    }
    now += 1;
    most = Math.max(most, now);
    response.on('finish', () => {
      now -= 1;
    });
    waiting.push(() => fileHandler(found.content)(request, response));
    if (waiting.length < together) return;
    for (const answer of waiting) setImmediate(answer);
    waiting = [];
  });
  const items = samples.map(({ item }, at) => ({ ...item, urls: [`${server.url}/${at}`] }));
  return { ...server, items, most: () => most };
}

test('missing files are fetched three at a time, and cached ones not again', async () => {
  const { items, asked, most } = await serveSamples(18, 3);
  const context = { ...(await testContext()), concurrency: 3 };
  const some = await fetchAll(items.slice(0, 6), context);
  expect(some).toMatchObject({ fetched: 6 });
  const all = await fetchAll(items, context);
  expect(all).toMatchObject({ fetched: 12 });
  expect([...all.files.keys()].sort()).toEqual(items.map(({ sha256 }) => sha256).sort());
  expect(asked).toHaveLength(18);
  expect(most()).toBe(3);
  expect(await fetchAll(items, context)).toMatchObject({ fetched: 0 });
  expect(asked).toHaveLength(18);
});

test('a file asked for twice, also by two calls at once, is downloaded once', async () => {
  const { items, asked } = await serveSamples(2);
  const context = await testContext();
  const results = await Promise.all([
    fetchAll([...items, ...items], context),
    fetchAll(items, context),
  ]);
  expect(asked.sort()).toEqual(['/0', '/1']);
  for (const { files } of results) expect(files.size).toBe(2);
});

test('progress counts up to all bytes', async () => {
  const { items } = await serveSamples(4);
  const reports: FetchProgress[] = [];
  await fetchAll(items, { ...(await testContext()), onProgress: (report) => reports.push(report) });
  expect(reports.at(-1)).toEqual({ bytesDone: 400_000, bytesTotal: 400_000 });
});

test('progress is reported at most ten times a second', () => {
  let now = 0;
  let reports = 0;
  const meter = new ProgressMeter(
    1000,
    () => {
      reports += 1;
    },
    () => now,
  );
  for (now = 0; now < 1000; now += 1) meter.moved('a', now);
  expect(reports).toBe(10);
});

test('a package that is gone is named, and the other downloads are stopped', async () => {
  const { items, url } = await serveSamples(3);
  const gone = { ...sample([`${url}/none`]).item, name: 'package perl 5.36' };
  const context = await testContext();
  const error = await fetchAll([gone, ...items], { ...context, concurrency: 1 }).catch(
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof PackageGone)) throw error;
  expect(error.item).toBe(gone);
  expect(await leftovers(context.store)).toEqual([]);
  expect(await fetchAll(items, context)).toMatchObject({ fetched: 3 });
});

test('a cancelled fetch is an error that says so, and makes no further requests', async () => {
  const { items, asked } = await serveSamples(3);
  const signal = AbortSignal.abort();
  await expect(fetchAll(items, { ...(await testContext()), signal })).rejects.toThrow(
    'was cancelled',
  );
  expect(asked).toEqual([]);
});

test('offline, missing files are named and cached ones are used', async () => {
  const { items, asked } = await serveSamples(3);
  const context = await testContext();
  await fetchAll(items.slice(0, 1), context);
  expect((await requireCached(items.slice(0, 1), context.store)).size).toBe(1);
  await expect(requireCached(items, context.store)).rejects.toThrow(
    'package busybox 1.36 and 1 more are not in the cache',
  );
  expect(asked).toHaveLength(1);
});
