import { mkdir, writeFile } from 'node:fs/promises';
import { type IncomingMessage, request } from 'node:http';
import { join } from 'node:path';
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import {
  createUpdatesHandler,
  parseRange,
} from '../../../../../apps/control-plane/updates/serve.ts';
import { pin, readKept } from '../../../../../apps/control-plane/updates/tree.ts';
import { releasePath } from '../../../../../build/release/tree.ts';
import { temporaryFolder } from '../../../folder.ts';
import { LINE, listening, OURS, released } from './trees.ts';

let folder = '';
let address = '';
let image: Buffer;
let sha256 = '';

beforeEach(async () => {
  folder = await temporaryFolder();
  const made = await released(join(folder, 'tree'), '0.1.0');
  image = made.bytes;
  sha256 = made.release.image.sha256;
  await writeFile(join(folder, 'secret'), 'secret');
  const handle = createUpdatesHandler(join(folder, 'tree'));
  address = `${await listening((request, response) => {
    // A test sets the caller's address with a header.
    const remoteAddress = request.headers['x-from']?.toString() ?? '192.0.2.1';
    const { method, url, headers } = request;
    void handle({ method, url, headers, socket: { remoteAddress } }, response);
  })}/updates`;
});

const get = (path: string, headers: Record<string, string> = {}, method = 'GET') =>
  fetch(`${address}/${path}`, { headers, method });

test('files of the tree are served whole and in ranges, with an ETag', async () => {
  const whole = await get(`images/${sha256}.iso`);
  expect(Buffer.from(await whole.arrayBuffer())).toEqual(image);
  expect(whole.headers.get('etag')).toBe(`"${sha256}"`);
  const rest = await get(`images/${sha256}.iso`, { range: 'bytes=99000-' });
  expect(rest.status).toBe(206);
  expect(rest.headers.get('content-range')).toBe('bytes 99000-99999/100000');
  expect(Buffer.from(await rest.arrayBuffer())).toEqual(image.subarray(99_000));
  const head = await get(`images/${sha256}.iso`, {}, 'HEAD');
  expect([head.headers.get('content-length'), await head.text()]).toEqual(['100000', '']);
  const release = await get(releasePath(LINE));
  expect(await release.text()).toContain('vnd.quantix.release+json');
  const etag = release.headers.get('etag') ?? '';
  expect((await get(releasePath(LINE), { 'if-none-match': etag })).status).toBe(304);
  expect((await get(releasePath(LINE), { 'if-none-match': '"other"' })).status).toBe(200);
});

test('a range is answered with the whole file if the caller’s ETag is outdated', async () => {
  const headers = { range: 'bytes=5-', 'if-range': '"other"' };
  expect((await get(`images/${sha256}.iso`, headers)).status).toBe(200);
  const same = { range: 'bytes=5-', 'if-range': `"${sha256}"` };
  expect((await get(`images/${sha256}.iso`, same)).status).toBe(206);
  expect((await get(`images/${sha256}.iso`, { range: 'bytes=100000-' })).status).toBe(416);
});

test('a release stays available under its serial after newer releases', async () => {
  const tree = join(folder, 'tree');
  const kept = await readKept(tree, LINE, [OURS.trusted]);
  if (kept === undefined) throw new Error('nothing is kept');
  await pin(tree, kept);
  await released(tree, '0.2.0');
  const at = await get(`at/1/${releasePath(LINE)}`);
  expect(await at.text()).toBe(kept.envelope);
  expect((await get(`at/1/images/${sha256}.iso`)).status).toBe(200);
  expect((await get(`at/2/${releasePath(LINE)}`)).status).toBe(404);
});

test.each([
  '',
  'secret',
  '../secret',
  '%2e%2e/secret',
  '..%2fsecret',
  'quantix-os/stable/x86_64/',
  'quantix-os/stable/../stable/x86_64/release.json.new',
  'quantix-os/stable/x86_64/1.json',
  'at/01/quantix-os/stable/x86_64/release.json',
  `images/${'0'.repeat(64)}.iso`,
  `images/${'0'.repeat(64)}.iso.part`,
  'at/1/at/1/quantix-os/stable/x86_64/release.json',
])('other paths are not served: %s', async (path) => {
  await mkdir(join(folder, 'tree/at'), { recursive: true });
  expect((await get(path)).status).toBe(404);
});

describe('downloads at the same time', () => {
  /** Begins a download of a file that is larger than all buffers, and reads nothing of it. */
  const begin = async (from: string, path = `images/${sha256}.iso`) => {
    const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
    const headers = { 'x-from': from };
    request(`${address}/${path}`, { headers, agent: false }, resolve).once('error', reject).end();
    const response = await promise;
    const end = () => void response.destroy();
    onTestFinished(end);
    return { status: response.statusCode, retry: response.headers['retry-after'], end };
  };
  const LARGE = 32 * 1024 * 1024;

  beforeEach(async () => {
    ({ sha256 } = (await released(join(folder, 'tree'), '0.3.0', { size: LARGE })).release.image);
  });

  test.each([
    ['192.0.2.1', '::ffff:192.0.2.1', '192.0.2.2'],
    ['2001:db8::1', '2001:db8:0:0:ffff::2', '2001:db8:0:1::1'],
  ])(
    'are limited to eight for %s and %s together; %s has a limit of its own',
    async (one, same, other) => {
      const own = [];
      for (let at = 0; at < 8; at += 1) own.push(await begin(one));
      expect(own.map(({ status }) => status)).toEqual(Array(8).fill(200));
      expect(await begin(one)).toMatchObject({ status: 429, retry: '30' });
      expect(await begin(same)).toMatchObject({ status: 429 });
      expect(await begin(other)).toMatchObject({ status: 200 });
      own[0]?.end();
      await expect.poll(async () => (await begin(one)).status).toBe(200);
    },
  );

  test('do not block the release file', async () => {
    for (let at = 0; at < 8; at += 1) await begin('192.0.2.1');
    expect(await begin('192.0.2.1')).toMatchObject({ status: 429 });
    expect(await begin('192.0.2.1', releasePath(LINE))).toMatchObject({ status: 200 });
  });

  test('are limited to sixty-four in all', async () => {
    for (let at = 0; at < 64; at += 1) {
      expect(await begin(`192.0.2.${Math.floor(at / 8)}`)).toMatchObject({ status: 200 });
    }
    expect(await begin('192.0.2.100')).toMatchObject({ status: 503, retry: '30' });
  });
});

test.each(['POST', 'PUT', 'DELETE', 'OPTIONS'])('%s is not allowed', async (method) => {
  expect((await get(releasePath(LINE), {}, method)).status).toBe(405);
});

describe('ranges', () => {
  test.each([
    ['bytes=0-', { start: 0, end: 99 }],
    ['bytes=0-0', { start: 0, end: 0 }],
    ['bytes=90-200', { start: 90, end: 99 }],
    ['bytes=-10', { start: 90, end: 99 }],
    ['bytes=-1000', { start: 0, end: 99 }],
    ['bytes=100-', 'none'],
    ['bytes=-0', 'none'],
    ['bytes=5-4', undefined],
    ['bytes=0-1,3-4', undefined],
    ['lines=0-1', undefined],
    ['bytes=-', undefined],
    ['bytes=a-b', undefined],
    ['bytes=99999999999999999999-', undefined],
    [undefined, undefined],
  ])('%j of a hundred bytes is %j', (range, part) => {
    expect(parseRange(range, 100)).toEqual(part);
  });

  test('an empty file has no range', () => {
    expect(parseRange('bytes=0-', 0)).toBe('none');
  });
});
