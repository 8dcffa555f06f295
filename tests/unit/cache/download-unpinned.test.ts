import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { downloadUnpinned, type UnpinnedDownload } from '../../../build/cache/download-unpinned.ts';
import { BuildError } from '../../../build/error.ts';
import { fileHandler, leftovers, sample, serve, storedBlobs, testContext } from './room.ts';

const wanted = (url: string, more: Partial<UnpinnedDownload> = {}): UnpinnedDownload => ({
  name: 'the index',
  url,
  most: 1_000_000,
  check: async () => {},
  ...more,
});

test('a file with an unknown hash is stored under its actual hash', async () => {
  const { content } = sample([]);
  const { url } = await serve(fileHandler(content));
  const context = await testContext();
  const got = await downloadUnpinned(wanted(`${url}/a`), context);
  const sha256 = createHash('sha256').update(content).digest('hex');
  expect(got).toEqual({ file: context.store.path(sha256), sha256, size: content.length });
  expect(await readFile(got.file)).toEqual(content);
  expect(await leftovers(context.store)).toEqual([]);
});

test('an interrupted download resumes where it stopped', async () => {
  const { content } = sample([]);
  const whole = fileHandler(content);
  let first = true;
  const { url, asked } = await serve((request, response) => {
    if (!first) return whole(request, response);
    first = false;
    response.writeHead(200, { 'content-length': content.length });
    response.write(content.subarray(0, 100_000), () => response.destroy());
  });
  const context = await testContext();
  const got = await downloadUnpinned(wanted(`${url}/a`, { size: content.length }), context);
  expect(got.size).toBe(content.length);
  expect(asked).toHaveLength(2);
  expect(asked[1]).toMatch(/^\/a bytes=\d+-$/);
});

test('a file that the check refuses is not kept', async () => {
  const { content } = sample([]);
  const { url } = await serve(fileHandler(content));
  const context = await testContext();
  const check = async (file: string) => {
    expect(await readFile(file)).toEqual(content);
    throw new BuildError({ what: 'it is another file' });
  };
  await expect(downloadUnpinned(wanted(`${url}/a`, { check }), context)).rejects.toThrow(
    'another file',
  );
  expect(await leftovers(context.store)).toEqual([]);
  expect(storedBlobs(context.store)).toEqual([]);
});

test.each([
  ['more bytes than allowed', { most: 1000 }, 'it has more than 1000 bytes'],
  ['another size than it must have', { size: 299_999 }, 'expected 299999 bytes, there are 300000'],
])('a file with %s is refused', async (_, more, why) => {
  const { url } = await serve(fileHandler(sample([]).content));
  const context = await testContext();
  await expect(downloadUnpinned(wanted(`${url}/a`, more), context)).rejects.toThrow(why);
  expect(await leftovers(context.store)).toEqual([]);
});

test('a missing file is reported at once, a busy server is asked five times', async () => {
  const context = await testContext();
  const missing = await serve((_, response) => response.writeHead(404).end());
  await expect(downloadUnpinned(wanted(`${missing.url}/a`), context)).rejects.toThrow('is gone');
  expect(missing.asked).toHaveLength(1);
  const busy = await serve((_, response) => response.writeHead(503).end());
  await expect(downloadUnpinned(wanted(`${busy.url}/a`), context)).rejects.toThrow('503');
  expect(busy.asked).toHaveLength(5);
});

test('a cancelled download is an error that says so, and leaves nothing', async () => {
  const cancel = new AbortController();
  const { url } = await serve((_, response) => {
    response.writeHead(200, { 'content-length': 1000 });
    response.write('x', () => cancel.abort());
  });
  const context = { ...(await testContext()), signal: cancel.signal };
  await expect(downloadUnpinned(wanted(`${url}/a`), context)).rejects.toThrow('was cancelled');
  expect(await leftovers(context.store)).toEqual([]);
});
