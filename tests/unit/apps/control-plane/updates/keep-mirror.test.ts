import { randomBytes } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { parseConfig } from '../../../../../apps/control-plane/config.ts';
import { keepMirror } from '../../../../../apps/control-plane/updates/keep-mirror.ts';
import { createUpdatesHandler } from '../../../../../apps/control-plane/updates/serve.ts';
import { createLogger } from '../../../../../apps/log/logger.ts';
import { temporaryFolder } from '../../../folder.ts';
import { FakeClock } from '../../agent/membership/fake-clock.ts';
import { listening, OURS, released } from './trees.ts';

const HOUR = 60 * 60_000;

/** A mirror of a server, with simulated time, and the requests that the server received. */
async function mirroring() {
  const folder = await temporaryFolder();
  const [source, tree, keys] = [join(folder, 'source'), join(folder, 'tree'), folder];
  await writeFile(join(keys, 'ours.pem'), OURS.pem);
  const handle = createUpdatesHandler(source);
  const asked: string[] = [];
  const upstream = await listening((request, response) => {
    asked.push(request.url ?? '');
    void handle(request, response);
  });
  const { updates } = await parseConfig(
    `updates: { upstream: ${upstream}/updates, folder: ${tree}, keys: ${keys}, products: [quantix-os] }`,
    'config.yaml',
  );
  const clock = new FakeClock();
  const ending = new AbortController();
  const log = createLogger({ level: 'error', write: () => undefined });
  const start = () =>
    keepMirror({
      ...{ updates, readPinned: async () => [], log, signal: ending.signal, clock },
      inTurn: (work) => work(),
    });
  onTestFinished(() => ending.abort());
  return { source, tree, asked, clock, start };
}

/** Returns how often an image was requested. */
const images = (asked: readonly string[]) => asked.filter((path) => path.endsWith('.iso')).length;

test('a damaged image is not downloaded again and again', async () => {
  const { source, asked, clock, start } = await mirroring();
  const { release } = await released(source, '0.1.0', { now: new Date() });
  await writeFile(join(source, release.image.path), randomBytes(release.image.bytes));
  const keeper = start();
  for (let passed = 0; passed < 24 * HOUR; ) passed += await clock.skip();
  expect(keeper.states()[0]?.problem).toContain('its SHA-256 differs');
  expect(images(asked)).toBeGreaterThan(3);
  expect(images(asked)).toBeLessThan(15);
});

test('a server that fails once is tried again soon, and its release is then downloaded', async () => {
  const { source, tree, clock, start } = await mirroring();
  const { release, bytes } = await released(source, '0.1.0', { now: new Date() });
  const image = join(source, release.image.path);
  await writeFile(image, randomBytes(release.image.bytes));
  const keeper = start();
  expect(await clock.skip()).toBeLessThanOrEqual(3 * 60_000);
  await writeFile(image, bytes);
  await clock.sleeping();
  for (let tries = 0; tries < 3; tries += 1) await clock.skip();
  expect(keeper.states()[0]?.problem).toBeUndefined();
  expect(await readFile(join(tree, release.image.path))).toEqual(bytes);
});
