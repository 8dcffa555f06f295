import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { StepCache } from '../../../build/step/cache.ts';
import { newPair } from '../release/releases.ts';
import {
  ALL,
  BUILD,
  cacheServer,
  filledServer,
  Runner,
  reader,
  stepOf,
  TIME,
  team,
  writer,
} from './runner.ts';

vi.setConfig({ testTimeout: TIME });

test.each(['bazel-remote', 'webdav'] as const)(
  'two runners share a build through a server like %s: the second one runs no step',
  async (kind) => {
    const server = await cacheServer({ kind });
    const [first, second] = [await Runner.open(), await Runner.open()];
    const filled = await first.build(writer(server));
    expect(filled.made).toEqual(ALL);
    expect(filled.report).toMatchObject({
      steps: { asked: 3, had: 0, brought: 3 },
      refused: [],
      givenUp: undefined,
      closed: undefined,
    });
    const shared = await second.build(reader(server));
    expect(shared.made).toEqual([]);
    expect(Object.values(shared.origins)).toEqual(['ci', 'ci', 'ci']);
    expect(shared.report).toMatchObject({ steps: { asked: 3, had: 3, brought: 0 }, refused: [] });
  },
);

test('with a server that supports zstd, files are transferred compressed both ways', async () => {
  const server = await cacheServer();
  const bytes = Object.values(BUILD).flatMap((files) => Object.values(files).map((f) => f.length));
  const all = bytes.reduce((sum, one) => sum + one, 0);
  const { report: filled } = await (await Runner.open()).build(writer(server));
  const { report: shared } = await (await Runner.open()).build(reader(server));
  expect(server.compressed).toBeGreaterThan(0);
  expect(filled.sent).toBeLessThan(all - 1_900_000);
  expect(shared.received).toBeLessThan(all - 1_900_000);
  expect(shared.received).toBeGreaterThan(3_000_000);
});

test('a connection that the server closes between two requests is opened again', async () => {
  const server = await filledServer({
    instead: (request, response) => {
      response.on('finish', () => setImmediate(() => request.socket.destroy()));
      return false;
    },
  });
  server.actions.clear();
  const first = await (await Runner.open()).build(writer(server));
  expect([first.report.steps.brought, first.report.closed]).toEqual([ALL.length, undefined]);
  const second = await (await Runner.open()).build(reader(server));
  expect([second.made, second.report.givenUp]).toEqual([[], undefined]);
});

test('downloaded files keep their executable bit, and are stored like local results', async () => {
  const server = await filledServer();
  const second = await Runner.open();
  await second.build(reader(server));
  const { directory = '', origin } = (await new StepCache(second.folder).find(stepOf('sea'))) ?? {};
  const { mode, mtimeMs } = await stat(join(directory, 'qx'));
  expect([mode & 0o777, mtimeMs, origin]).toEqual([0o555, 1000, 'ci']);
});

test('local results are not requested from the server', async () => {
  const server = await cacheServer();
  const runner = await Runner.open();
  await runner.build(writer(server));
  server.answers.length = 0;
  const { made } = await runner.build(reader(server));
  expect([made, server.answers]).toEqual([[], []]);
});

test('a reader stores nothing', async () => {
  const server = await cacheServer();
  const { report } = await (await Runner.open()).build(reader(server));
  expect(report.steps).toEqual({ asked: 3, had: 0, brought: 0 });
  expect(server.answers.filter((line) => line.startsWith('PUT'))).toEqual([]);
});

test('files that the server lost are uploaded again from the local cache', async () => {
  const server = await cacheServer();
  const runner = await Runner.open();
  await runner.build(writer(server));
  const [lost = ''] = server.blobs.keys();
  server.blobs.delete(lost);
  const { made, report } = await runner.build(writer(server));
  expect([made, report.steps.brought]).toEqual([[], 1]);
  expect(server.blobs.has(lost)).toBe(true);
});

test('a result that failed its check is not uploaded', async () => {
  const server = await cacheServer();
  const runner = await Runner.open();
  const offered: string[] = [];
  const source = {
    fetch: async () => undefined,
    offer: ({ name }: { name: string }) => offered.push(name),
  };
  const cache = new StepCache(runner.folder, source);
  const good = await cache.run(
    stepOf('sea'),
    async () => {},
    async () => {},
  );
  const bad = await cache.run(
    stepOf('verity'),
    async () => {},
    async () => {
      throw new Error('it is not as it was meant');
    },
  );
  await good.checked;
  await expect(bad.checked).rejects.toThrow('not as it was meant');
  expect(offered).toEqual(['sea']);
  expect(server.answers).toEqual([]);
});

test('if results of other runners are forbidden, downloaded ones are made again', async () => {
  const server = await filledServer();
  const second = await Runner.open();
  await second.build(reader(server));
  const own = new StepCache(second.folder, 'forbidden');
  expect(await own.find(stepOf('sea'))).toBeUndefined();
  const made = await own.run(stepOf('sea'), async () => {});
  expect([made.cached, made.origin]).toEqual([false, undefined]);
  expect(await own.find(stepOf('sea'))).toBeDefined();
});

test('results with an untrusted signature are refused and reported, and the steps run locally', async () => {
  const server = await cacheServer();
  await (await Runner.open()).build({ ...writer(server), signer: newPair('mallory').secret });
  const { made, report } = await (await Runner.open()).build(reader(server));
  expect(made).toEqual(ALL);
  expect(report.refused).toHaveLength(3);
  expect(report.refused[0]).toMatch(/^sea: it is not signed with a key .*: ci /);
  expect(report.givenUp).toBeUndefined();
});

test('a writer replaces results that have an untrusted signature', async () => {
  const server = await cacheServer();
  await (await Runner.open()).build({ ...writer(server), signer: newPair('mallory').secret });
  expect((await (await Runner.open()).build(writer(server))).report.steps.brought).toBe(3);
  expect((await (await Runner.open()).build(reader(server))).made).toEqual([]);
});

test('during a change of keys both the old and the new key are trusted', async () => {
  const server = await cacheServer();
  const next = newPair('ci-2027');
  await (await Runner.open()).build({ ...writer(server), signer: next.secret });
  const settings = { ...reader(server), trusted: [team.trusted, next.trusted] };
  const { origins } = await (await Runner.open()).build(settings);
  expect(origins.squashfs).toBe('ci-2027');
});
