import { mkdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { writeSignsOfLife } from '../../../../apps/process/signs-of-life.ts';
import { temporaryFolder } from '../../folder.ts';

function writing(file: string) {
  const ending = new AbortController();
  const problems: string[] = [];
  const onProblem = (line: string) => problems.push(line);
  const ended = writeSignsOfLife(file, { onProblem, signal: ending.signal, interval: 10 });
  onTestFinished(async () => {
    ending.abort();
    await ended;
  });
  return problems;
}

const firstLine = async (file: string) => (await readFile(file, 'utf8')).split('\n')[0] ?? '';

test('a program shows that it works by the seconds since boot', async () => {
  const file = join(await temporaryFolder(), 'folder', 'alive');
  const problems = writing(file);
  await expect.poll(() => firstLine(file).catch(String)).toMatch(/^\d+(\.\d+)?$/);
  const first = await firstLine(file);
  await expect.poll(() => firstLine(file)).not.toBe(first);
  expect(problems).toEqual([]);
});

test('a file that cannot be written, as when /run is full, is reported once and written again later', async () => {
  const file = join(await temporaryFolder(), 'alive');
  await symlink('/dev/full', file);
  const problems = writing(file);
  await expect.poll(() => problems).toEqual([expect.stringContaining('ENOSPC')]);
  await new Promise((done) => setTimeout(done, 100));
  expect(problems).toHaveLength(1);
  await rm(file);
  await expect.poll(() => firstLine(file).catch(String)).toMatch(/^\d+(\.\d+)?$/);
  await rm(file);
  await mkdir(file);
  await expect.poll(() => problems).toHaveLength(2);
});

test('a file is overwritten in place: on a full file system, a truncated one could not be filled again', async () => {
  const file = join(await temporaryFolder(), 'alive');
  await writeFile(file, `${'9'.repeat(100)}\n`);
  writing(file);
  await expect.poll(() => firstLine(file)).not.toContain('999999999');
  expect(await readFile(file, 'utf8')).toHaveLength(101);
});
