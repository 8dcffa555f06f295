import { chmod, readFile, writeFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { BuildError } from '../../../build/error.ts';
import { feedTool } from '../../../build/process/feed.ts';
import { temporaryFolder } from '../folder.ts';

/** Runs a script in place of mksquashfs. */
async function tool(script: string) {
  const folder = await temporaryFolder();
  await writeFile(join(folder, 'mksquashfs'), `#!/bin/sh\n${script}\n`);
  await chmod(join(folder, 'mksquashfs'), 0o755);
  const PATH = `${folder}${delimiter}${process.env.PATH}`;
  return { folder, options: { cwd: folder, env: { PATH } } };
}

const chunk = Buffer.alloc(64 * 1024, 'x');

function* endless(onEach: () => void = () => undefined): Generator<Buffer> {
  for (;;) {
    onEach();
    yield chunk;
  }
}

test('a tool reads its whole input, and progress is reported in bytes', async () => {
  const { folder, options } = await tool('cat >got');
  const seen: number[] = [];
  const onBytes = (bytes: number) => seen.push(bytes);
  await feedTool(['mksquashfs'], [Buffer.from('hello '), Buffer.from('world')], {
    ...options,
    onBytes,
  });
  expect(await readFile(join(folder, 'got'), 'utf8')).toBe('hello world');
  expect(seen).toEqual([6, 11]);
});

test('a tool that fails early is reported in its own words, not as a broken pipe', async () => {
  const { options } = await tool('echo FATAL ERROR: no space >&2; exit 1');
  await expect(feedTool(['mksquashfs'], endless(), options)).rejects.toThrow(
    'mksquashfs exited with 1: FATAL ERROR: no space.',
  );
});

test('a tool may end successfully before it has read its whole input', async () => {
  const { options } = await tool('head -c 10 >got');
  let taken = 0;
  function* much() {
    for (; taken < 1000; taken += 1) yield chunk;
  }
  await feedTool(['mksquashfs'], much(), options);
  expect(taken).toBeLessThan(1000);
});

test('an error of the source is thrown, and the tool is ended', async () => {
  const { folder, options } = await tool('echo $$ >pid; exec cat >got');
  function* broken() {
    for (let index = 0; index < 20; index += 1) yield chunk;
    throw new BuildError({ what: 'the file is gone' });
  }
  await expect(feedTool(['mksquashfs'], broken(), options)).rejects.toThrow('the file is gone.');
  const pid = Number(await readFile(join(folder, 'pid'), 'utf8'));
  expect(() => process.kill(pid, 0)).toThrow('ESRCH');
});

test('the buffer of a chunk may be reused for the next one', async () => {
  const { folder, options } = await tool('sleep 0.2; cat >got');
  function* reused() {
    const memory = Buffer.alloc(1000);
    for (const letter of 'abcdefghij') yield memory.fill(letter);
  }
  await feedTool(['mksquashfs'], reused(), options);
  const got = await readFile(join(folder, 'got'), 'utf8');
  expect(got.replace(/(.)\1*/g, '$1')).toBe('abcdefghij');
});

test('a slow tool is not fed faster than it reads', async () => {
  const { options } = await tool('sleep 0.5; head -c 10 >/dev/null');
  let taken = 0;
  const feeding = feedTool(
    ['mksquashfs'],
    endless(() => (taken += 1)),
    options,
  );
  await wait(250);
  expect(taken).toBeLessThan(50);
  await feeding;
});

test('a tool that is missing is reported with the package that brings it', async () => {
  const env = { PATH: '/nonexistent' };
  await expect(feedTool(['mksquashfs'], [chunk], { env })).rejects.toThrow(
    'host tool mksquashfs is missing. Install it: apt-get install squashfs-tools',
  );
});

test('a cancelled tool ends, though it would read for ever', async () => {
  const { options } = await tool('exec cat >/dev/null');
  const cancel = new AbortController();
  const feeding = feedTool(['mksquashfs'], endless(), { ...options, signal: cancel.signal });
  setTimeout(() => cancel.abort(), 100);
  await expect(feeding).rejects.toThrow('cancelled');
});
