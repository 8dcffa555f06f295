import { rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { createClient } from '@redis/client';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import * as z from 'zod';
import { type Cache, openCache, remember } from '../../apps/control-plane/cache/cache.ts';
import { registerNode } from '../../apps/control-plane/database/repositories/nodes.ts';
import { createInventoryRoutes } from '../../apps/control-plane/inventory/routes.ts';
import { bind } from '../../apps/http/bind.ts';
import { createApiServer } from '../../apps/http/server.ts';
import { askProgram } from '../../tasks/control-plane/program.ts';
import { type RedisServer, startRedis } from '../../tasks/control-plane/redis.ts';
import { makeServicesFolder } from '../../tasks/control-plane/service.ts';
import { openTestDatabase, SILENT } from './database.ts';

const NUMBERS = z.array(z.int());
const PATIENCE = { timeout: 20_000, interval: 50 };

let folder: string;
let redis: RedisServer;
/** A cache with a long time limit, for busy machines; other tests check the limits. */
let cache: Cache;
beforeAll(async () => {
  folder = await makeServicesFolder('quantix-cache-');
  redis = await startRedis(join(folder, 'redis'));
});
afterAll(async () => {
  await redis.stop();
  await rm(folder, { recursive: true });
});
beforeEach(() => {
  cache = openCache(redis.socket, SILENT, 30_000);
});
afterEach(() => cache.close());

/** Waits until the cache returns a stored value. */
async function untilUsed(): Promise<void> {
  const holds = async () => {
    await cache.set('probe', [1], 60);
    return await cache.get('probe', NUMBERS);
  };
  await expect.poll(holds, PATIENCE).toEqual([1]);
}

const connectTo = (path: string) => createClient({ socket: { path, tls: false } });

/** Connects to Redis as another client. */
async function withRedis<T>(
  work: (client: ReturnType<typeof connectTo>) => Promise<T>,
): Promise<T> {
  const client = connectTo(redis.socket);
  await client.connect();
  try {
    return await work(client);
  } finally {
    client.destroy();
  }
}

test('a value is kept for the given time', async () => {
  await untilUsed();
  await cache.set('numbers', [1, 2], 60);
  expect(await cache.get('numbers', NUMBERS)).toEqual([1, 2]);
  const ttl = await withRedis((client) => client.ttl('qvdc:numbers'));
  expect(ttl).toBeGreaterThan(0);
  expect(ttl).toBeLessThanOrEqual(60);
});

test('a value that another program wrote, or that was flushed, is a miss', async () => {
  await untilUsed();
  for (const value of ['', 'nonsense', '{"a":1}', '[1.5]', 'null', '[1', '\u0000', '"[1]"']) {
    await withRedis((client) => client.set('qvdc:numbers', value));
    expect(await cache.get('numbers', NUMBERS)).toBeUndefined();
  }
  await withRedis((client) => client.del('qvdc:numbers'));
  await withRedis((client) => client.lPush('qvdc:numbers', '1'));
  expect(await cache.get('numbers', NUMBERS)).toBeUndefined();
  await cache.set('numbers', [4], 60);
  expect(await cache.get('numbers', NUMBERS)).toEqual([4]);
  await withRedis((client) => client.flushAll());
  expect(await cache.get('numbers', NUMBERS)).toBeUndefined();
});

test('a missing value is computed once and then kept', async () => {
  await untilUsed();
  let found = 0;
  const find = async () => {
    found += 1;
    return [found];
  };
  const entry = { key: 'found', schema: NUMBERS, seconds: 60 };
  expect(await remember(cache, entry, find)).toEqual([1]);
  expect(await remember(cache, entry, find)).toEqual([1]);
  const failing = remember(cache, { ...entry, key: 'failing' }, () =>
    Promise.reject(new Error('no')),
  );
  await expect(failing).rejects.toThrow('no');
});

test('while Redis is paused each read is a miss, and Redis is used again when it resumes', async () => {
  await untilUsed();
  const usual = openCache(redis.socket, SILENT);
  const isUsed = async () => {
    await usual.set('usual', [1], 60);
    return await usual.get('usual', NUMBERS);
  };
  await expect.poll(isUsed, PATIENCE).toEqual([1]);
  redis.kill('SIGSTOP');
  try {
    const questions = Array.from({ length: 1_000 }, () => usual.get('usual', NUMBERS));
    expect(new Set(await Promise.all(questions))).toEqual(new Set([undefined]));
    await usual.set('usual', [2], 60);
  } finally {
    redis.kill('SIGCONT');
  }
  await expect.poll(isUsed, PATIENCE).toEqual([1]);
  usual.close();
});

test('while Redis is stopped each read is a miss, and Redis is used again after its restart', async () => {
  await untilUsed();
  await redis.stop();
  expect(await cache.get('probe', NUMBERS)).toBeUndefined();
  await cache.set('probe', [2], 60);
  redis = await startRedis(join(folder, 'redis'));
  await untilUsed();
});

test.each([
  ['says nothing', () => createServer()],
  ['closes at once', () => createServer((socket) => socket.destroy())],
  [
    'speaks another protocol',
    () => createServer((socket) => socket.end('HTTP/1.1 400 Bad\r\n\r\n')),
  ],
])(
  'a server on the socket that is not Redis and %s makes each read a miss',
  async (_what, create) => {
    const socket = join(folder, 'other.sock');
    const server = create();
    const connected = new Promise((resolve) => server.once('connection', resolve));
    await new Promise<void>((resolve) => server.listen(socket, resolve));
    const other = openCache(socket, SILENT);
    // The cache connects at its first request.
    expect(await other.get('probe', NUMBERS)).toBeUndefined();
    await connected;
    expect(await other.get('probe', NUMBERS)).toBeUndefined();
    await other.set('probe', [1], 60);
    other.close();
    server.close();
  },
);

test('the inventory is counted in the database if the cache has no count', async () => {
  await using opened = await openTestDatabase();
  const { database } = opened;
  await untilUsed();
  await withRedis((client) => client.flushAll());
  const socket = join(folder, 'inventory.sock');
  const routes = createInventoryRoutes({ database, cache });
  const server = createApiServer({ routes, explain: () => undefined, onBug: () => undefined });
  await bind(server, socket);
  const ask = async () => JSON.parse((await askProgram(socket, '/inventory'))!.body);
  const node = { id: '11111111-1111-8111-8111-111111111111', hostname: 'a' };
  await registerNode(database.db, { ...node, managementIp: null, spec: {} });
  const counted = { nodes: { PENDING: 1 }, virtualMachines: {}, storagePools: {} };
  expect(await ask()).toEqual(counted);
  const ttl = await withRedis((client) => client.ttl('qvdc:inventory'));
  expect(ttl).toBeLessThanOrEqual(5);

  const kept = { ...counted, nodes: { READY: 7 } };
  await withRedis((client) => client.set('qvdc:inventory', JSON.stringify(kept)));
  expect(await ask()).toEqual(kept);
  await withRedis((client) => client.set('qvdc:inventory', '{"nodes":{"READY":-7}}'));
  expect(await ask()).toEqual(counted);
  await redis.stop();
  expect(await ask()).toEqual(counted);

  redis = await startRedis(join(folder, 'redis'));
  await database.close();
  const refused = (await askProgram(socket, '/inventory'))!;
  expect(refused.status).toBe(503);
  expect(refused.body).toContain('the inventory cannot be counted');
  server.close();
  server.closeAllConnections();
});
