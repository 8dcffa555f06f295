import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { ActionResultSchema } from '../../../build/remote-cache/proto/gen/remote_execution_pb.js';
import type { TestCacheServer } from '../../remote-cache/cache-server.ts';
import { cacheServer } from './runner.ts';

// Checks that the stand-in for bazel-remote 2 in other tests follows bazel-remote's rules.

const BLOB = Buffer.alloc(10_000, 'a blob ');
const HASH = sha256(BLOB);
/** Key of an action: any hash. */
const KEY = sha256(Buffer.from('an action'));

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

function actionWith(file: { path?: string; hash?: string; size?: number }): Uint8Array {
  const { path = 'system.squashfs', hash = HASH, size = BLOB.length } = file;
  const outputFiles = [{ path, digest: { hash, sizeBytes: BigInt(size) } }];
  return toBinary(ActionResultSchema, create(ActionResultSchema, { outputFiles }));
}

interface Asked {
  method?: 'GET' | 'HEAD' | 'PUT' | 'DELETE';
  headers?: Record<string, string>;
  body?: Uint8Array;
}

/** Sends a request to the server. @returns status, headers and body of its answer, undecoded */
async function ask(server: TestCacheServer, path: string, { body, ...options }: Asked = {}) {
  const asking = request(`${server.url}${path}`, options);
  const answered = once(asking, 'response');
  asking.end(body);
  const [answer]: IncomingMessage[] = await answered;
  if (answer === undefined) throw new Error('no answer');
  const { statusCode: status, headers } = answer;
  return { status, headers, bytes: await buffer(answer) };
}

/** Uploads bytes. @returns status of the answer */
async function put(
  server: TestCacheServer,
  path: string,
  body: Uint8Array,
  headers: Record<string, string> = { 'content-length': `${body.length}` },
) {
  return (await ask(server, path, { method: 'PUT', body, headers })).status;
}

test('a blob is accepted only under its own hash and with its length, and served by GET and HEAD', async () => {
  const server = await cacheServer();
  expect((await ask(server, `/cas/${HASH}`)).status).toBe(404);
  expect((await ask(server, `/cas/${HASH}`, { method: 'HEAD' })).status).toBe(404);
  expect(await put(server, `/cas/${KEY}`, BLOB)).toBe(400);
  const unmeasured = { 'transfer-encoding': 'chunked' };
  expect(await put(server, `/cas/${HASH}`, BLOB, unmeasured)).toBe(400);
  expect(await put(server, `/cas/${HASH}`, BLOB)).toBe(200);
  expect((await ask(server, `/cas/${HASH}`)).bytes.equals(BLOB)).toBe(true);
  const head = await ask(server, `/cas/${HASH}`, { method: 'HEAD' });
  expect([head.status, head.headers['content-length']]).toEqual([200, `${BLOB.length}`]);
  // Blobs and entries are stored separately.
  expect((await ask(server, `/ac/${HASH}`)).status).toBe(404);
});

test('the empty blob always exists', async () => {
  const server = await cacheServer();
  expect((await ask(server, `/cas/${sha256(Buffer.alloc(0))}`)).status).toBe(200);
});

test('a blob is transferred compressed on request, and its hash is that of the content', async () => {
  const server = await cacheServer();
  const headers = { 'content-encoding': 'zstd', 'x-digest-sizebytes': `${BLOB.length}` };
  expect(await put(server, `/cas/${KEY}`, zstdCompressSync(BLOB), headers)).toBe(400);
  expect(await put(server, `/cas/${HASH}`, zstdCompressSync(BLOB), headers)).toBe(200);
  expect((await ask(server, `/cas/${HASH}`)).bytes.equals(BLOB)).toBe(true);
  const asked = { headers: { 'accept-encoding': 'zstd' } };
  const packed = await ask(server, `/cas/${HASH}`, asked);
  expect(packed.headers['content-encoding']).toBe('zstd');
  expect(zstdDecompressSync(packed.bytes).equals(BLOB)).toBe(true);
  const other = { ...headers, 'content-encoding': 'gzip' };
  expect(await put(server, `/cas/${HASH}`, BLOB, other)).toBe(400);
});

test.each<[string, Uint8Array]>([
  ['no message', Buffer.from('<html>')],
  ['a path from the root', actionWith({ path: '/etc/passwd' })],
  ['no path', actionWith({ path: '' })],
  ['an invalid hash', actionWith({ hash: 'abc' })],
  ['a negative size', actionWith({ size: -1 })],
])('an action with %s is refused', async (_, bytes) => {
  const server = await cacheServer();
  expect(await put(server, `/ac/${KEY}`, bytes)).toBe(400);
  expect((await ask(server, `/ac/${KEY}`)).status).toBe(404);
});

test('an action is served while all its files exist, with a default worker name', async () => {
  const server = await cacheServer();
  expect(await put(server, `/ac/${KEY}`, actionWith({}))).toBe(200);
  expect((await ask(server, `/ac/${KEY}`)).status).toBe(404);
  await put(server, `/cas/${HASH}`, BLOB);
  expect((await ask(server, `/ac/${KEY}`, { method: 'HEAD' })).status).toBe(200);
  const { bytes } = await ask(server, `/ac/${KEY}`);
  const action = fromBinary(ActionResultSchema, bytes);
  expect(action.outputFiles[0]?.path).toBe('system.squashfs');
  expect(action.executionMetadata?.worker).toMatch(/127\.0\.0\.1/);
  server.blobs.delete(HASH);
  expect((await ask(server, `/ac/${KEY}`)).status).toBe(404);
});

test('other paths and methods are refused, and so is a blob beyond the capacity', async () => {
  const server = await cacheServer({ capacity: BLOB.length - 1 });
  expect((await ask(server, '/cas/abc')).status).toBe(400);
  expect((await ask(server, `/other/${HASH}`)).status).toBe(400);
  expect((await ask(server, `/cas/${HASH}`, { method: 'DELETE' })).status).toBe(405);
  expect(await put(server, `/cas/${HASH}`, BLOB)).toBe(507);
});
