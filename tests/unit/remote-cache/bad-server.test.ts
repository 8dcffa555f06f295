import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import { must } from '../../../build/error.ts';
import { RemoteCache } from '../../../build/remote-cache/remote-cache.ts';
import type { Patience } from '../../../build/remote-cache/server.ts';
import { readRemoteCacheSettings } from '../../../build/remote-cache/settings.ts';
import { StepCache } from '../../../build/step/cache.ts';
import type { CacheServerOptions } from '../../remote-cache/cache-server.ts';
import { selfSigned } from '../../remote-cache/certificate.ts';
import { serve } from '../cache/room.ts';
import { temporaryFolder } from '../folder.ts';
import { newPair } from '../release/releases.ts';
import {
  ALL,
  cacheServer,
  filledServer,
  Runner,
  reader,
  stepOf,
  TIME,
  team,
  UNHURRIED,
  writer,
} from './runner.ts';

vi.setConfig({ testTimeout: TIME });

/** Time limits in milliseconds, for tests that wait for something that never happens. */
const HURRIED: Patience = { firstAnswer: 200, answer: 200, least: 200, most: 200, bringing: 200 };

type Instead = NonNullable<CacheServerOptions['instead']>;

/** Handles requests for blobs, or for entries, differently; the others get the right answer. */
function insteadOf(kind: 'ac' | 'cas', answer: (...args: Parameters<Instead>) => void): Instead {
  return (request, response) => {
    const concerns = request.method === 'GET' && request.url?.includes(`/${kind}/`) === true;
    // The digest of an empty blob, with which the builder checks whether the server answers.
    if (!concerns || request.url?.includes('e3b0c442') === true) return false;
    answer(request, response);
    return true;
  };
}

const status =
  (code: number): Instead =>
  (_request, response) => {
    response.writeHead(code).end('no');
    return true;
  };

test.each<[string, Instead, { refused: number; givenUp?: RegExp }]>([
  ['answers 500 to everything', status(500), { refused: 0, givenUp: /answered 500/ }],
  ['wants to know who asks', status(401), { refused: 0, givenUp: /answered 401/ }],
  [
    'answers 503 to what it has',
    insteadOf('cas', status(503)),
    { refused: 0, givenUp: /answered 503/ },
  ],
  ['has entries and lost the blobs', insteadOf('cas', status(404)), { refused: 0 }],
  [
    'gives a page of HTML for everything',
    (_request, response) => {
      response.end('<!doctype html><h1>Log in</h1>');
      return true;
    },
    { refused: 0, givenUp: /more than 0 bytes/ },
  ],
  [
    'gives garbage for entries',
    insteadOf('ac', (_request, response) => response.end(Buffer.alloc(5000, 'garbage'))),
    { refused: ALL.length },
  ],
  [
    'gives entries without end',
    insteadOf('ac', (_request, response) => {
      const more = () => {
        response.write(Buffer.alloc(65_536));
        if (!response.destroyed) setImmediate(more);
      };
      more();
    }),
    { refused: ALL.length },
  ],
  [
    'gives other bytes',
    insteadOf('cas', (_request, response) => response.end(randomBytes(3_000_000))),
    { refused: ALL.length },
  ],
  [
    'gives half of what it compressed',
    insteadOf('cas', (_request, response) => {
      response.writeHead(200, { 'content-encoding': 'zstd' });
      response.end(Buffer.from('28b52ffd200001', 'hex'));
    }),
    { refused: ALL.length },
  ],
  [
    'says zstd and sends something else',
    insteadOf('cas', (_request, response) => {
      response.writeHead(200, { 'content-encoding': 'zstd' }).end('not compressed at all');
    }),
    { refused: ALL.length },
  ],
  [
    'cuts the connection in the middle of a blob',
    insteadOf('cas', (_request, response) => {
      response.writeHead(200, { 'content-length': 2_000_002 });
      response.write(Buffer.alloc(1000), () => response.destroy());
    }),
    { refused: 0, givenUp: /cut|aborted|ended after|expected/ },
  ],
])('a server that %s does not affect the result of the build', async (_, instead, expected) => {
  const server = await filledServer({ instead });
  const { made, report } = await (await Runner.open()).build(reader(server), UNHURRIED);
  expect(made).toEqual(ALL);
  expect(report.refused).toHaveLength(expected.refused);
  expect(`${report.givenUp}`).toMatch(expected.givenUp ?? /^undefined$/);
});

test('a redirect to another server is not followed', async () => {
  const elsewhere = await serve((_request, response) => response.end('mine'));
  const server = await filledServer({
    instead: insteadOf('cas', (_request, response) =>
      response.writeHead(302, { location: `${elsewhere.url}/x` }).end(),
    ),
  });
  const { made, report } = await (await Runner.open()).build(reader(server));
  expect([made, elsewhere.asked]).toEqual([ALL, []]);
  expect(report.givenUp).toBe('the server redirects');
});

test('a server that was given up is not used again in this build', async () => {
  const server = await filledServer({ instead: status(500) });
  await (await Runner.open()).build(writer(server));
  expect(server.answers).toHaveLength(1);
});

test('a server that never answers costs the time limit of one request', async () => {
  const silent = createServer();
  onTestFinished(() => void silent.close());
  await new Promise<void>((listening) => silent.listen(0, '127.0.0.1', listening));
  const address = silent.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  const sockets = new Set<{ destroy: () => void }>();
  silent.on('connection', (socket) => sockets.add(socket));
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
  });
  const url = `http://127.0.0.1:${address.port}`;
  const { made, report } = await (await Runner.open()).build(writer({ url }), HURRIED);
  expect(made).toEqual(ALL);
  expect(report.givenUp).toBe('it took more than 0.2 s');
  expect(sockets.size).toBeLessThanOrEqual(1);
});

test('a slow server is given up when downloading a step takes longer than making it', async () => {
  const server = await filledServer({
    instead: insteadOf('cas', (_request, response) => {
      response.writeHead(200, { 'content-length': 2_000_002 });
      const drip = setInterval(() => response.write('x'), 20);
      response.on('close', () => clearInterval(drip));
    }),
  });
  const patience = { ...UNHURRIED, least: 300, most: 300 };
  const { made, report } = await (await Runner.open()).build(reader(server), patience);
  expect([made, report.givenUp]).toEqual([ALL, 'it took more than 0.3 s']);
});

test('a server that reports misses slowly is given up when the time adds up', async () => {
  const server = await cacheServer({
    instead: (request, response) => {
      if (request.url?.includes('e3b0c442') === true) return false;
      setTimeout(() => response.writeHead(404).end(), 150);
      return true;
    },
  });
  const patience = { ...HURRIED, firstAnswer: TIME, answer: 250 };
  const { made, report } = await (await Runner.open()).build(reader(server), patience);
  expect(made).toEqual(ALL);
  expect(report.givenUp).toMatch(/took more than 0\.(25|3) s/);
  expect(server.answers.length).toBeLessThan(1 + ALL.length);
});

test('an address at which no server listens is given up, and reported', async () => {
  const { made, report } = await (await Runner.open()).build(writer({ url: 'http://127.0.0.1:9' }));
  expect([made, report.givenUp]).toEqual([ALL, 'the connection was refused']);
});

test('a full server is still used for reading', async () => {
  const server = await filledServer({ capacity: 0 });
  const stranger = newPair('stranger');
  server.blobs.delete([...server.blobs.keys()].at(-1) ?? '');
  const settings = { ...writer(server), trusted: [team.trusted, stranger.trusted] };
  const { made, report } = await (await Runner.open()).build(settings);
  expect(made).toHaveLength(1);
  expect(report.steps).toMatchObject({ had: ALL.length - 1, brought: 0 });
  expect([report.closed, report.givenUp]).toEqual([
    'the server answered 507 Insufficient Storage',
    undefined,
  ]);
});

test('uploads that never end are cancelled some time after the build', async () => {
  const server = await cacheServer({
    instead: (request) => {
      if (request.method !== 'PUT') return false;
      request.resume();
      return true;
    },
  });
  const patience = { ...UNHURRIED, bringing: 200 };
  const { made, report } = await (await Runner.open()).build(writer(server), patience);
  expect([made, report.steps.brought]).toEqual([ALL, 0]);
  expect(report.closed).toMatch(/0\.2 s/);
});

test('a cache with a password is used with it, and given up without it', async () => {
  const server = await filledServer({ logIn: 'ci:p@ss' });
  const address = server.url.replace('//', '//ci:p%40ss@');
  const { made, report } = await (await Runner.open()).build({ ...reader(server), address });
  expect([made, report.address]).toEqual([[], `${server.url}/`]);
  const without = await (await Runner.open()).build(reader(server));
  expect([without.made, without.report.givenUp]).toEqual([
    ALL,
    'the server answered 401 Unauthorized',
  ]);
});

test('a cache with a certificate of a private authority is trusted with that authority’s file', async () => {
  const { certificate, key } = await selfSigned('127.0.0.1');
  const server = await cacheServer({ tls: { cert: certificate, key } });
  const folder = await temporaryFolder();
  const ca = join(folder, 'ca.pem');
  const own = join(folder, 'ci.key');
  await writeFile(ca, certificate);
  await writeFile(own, team.secret.export({ type: 'pkcs8', format: 'pem' }));
  const named = {
    HOME: folder,
    QUANTIX_REMOTE_CACHE: server.url,
    QUANTIX_REMOTE_CACHE_KEY: own,
    QUANTIX_REMOTE_CACHE_WRITE: 'yes',
    QUANTIX_REMOTE_CACHE_CA: ca,
  };
  const settings = must(await readRemoteCacheSettings(named), 'settings');
  const { report } = await (await Runner.open()).build(settings, UNHURRIED);
  expect(report.steps.brought).toBe(ALL.length);
  const stranger = await (await Runner.open()).build(reader(server));
  expect(stranger.report.givenUp).toMatch(/certificate is not trusted/);
});

test('cancelling the build cancels its downloads', async () => {
  const cancel = new AbortController();
  const server = await filledServer({
    instead: insteadOf('cas', (_request, response) => {
      response.writeHead(200, { 'content-length': 2_000_002 });
      response.write('x', () => cancel.abort(new Error('Ctrl-C')));
    }),
  });
  await using remote = new RemoteCache(reader(server), UNHURRIED);
  const { folder } = await Runner.open();
  const make = vi.fn();
  const running = new StepCache(folder, remote).run(stepOf('sea'), make, undefined, cancel.signal);
  await expect(running).rejects.toThrow();
  expect(make).not.toHaveBeenCalled();
  expect(remote.report().givenUp).toBeUndefined();
});
