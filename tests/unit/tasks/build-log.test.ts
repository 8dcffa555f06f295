import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import { cacheRooms } from '../../../build/cache/directory.ts';
import { run } from '../../../build/process/run.ts';
import { logOf, withBuildLog } from '../../../tasks/build-log.ts';
import { main } from '../../../tasks/command-line.ts';
import { temporaryFolder } from '../folder.ts';
import { captureOutput } from './captured-output.ts';

const output = captureOutput();

/** Replaces a tool by a script. */
async function replaceTool(name: string, script: string): Promise<void> {
  const folder = await temporaryFolder();
  await writeFile(join(folder, name), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  vi.stubEnv('PATH', `${folder}${delimiter}${process.env.PATH}`);
  onTestFinished(() => void vi.unstubAllEnvs());
}

test('the error of a failed build names the file with the output of its tools', async () => {
  await replaceTool('mksquashfs', 'echo something else');
  const cache = join(await temporaryFolder(), 'cache');
  const image = ['--profile', 'qvdc', '--base', 'debian', '--offline', '--cache-dir', cache];
  expect(await main(['rootfs', ...image])).toBe(1);
  const [line = '', file = ''] =
    /^qx-build: mksquashfs does not say its version: .* What its tools said is in (\S+\.log)\.\n$/.exec(
      output.complained,
    ) ?? [];
  expect(line, output.complained).not.toBe('');
  expect(await readdir(join(cache, 'logs'))).toHaveLength(1);
  const log = await readFile(file, 'utf8');
  expect(log).toMatch(
    / (\[\d+\]) mksquashfs -version\n[\s\S]*\n\S+ \1 ended with 0 after .*\n {4}something else\n/,
  );
  expect(log).toMatch(/ The build failed: BuildError: mksquashfs does not say its version/);
  output.printed = '';
  expect(await main(['rootfs', ...image, '--json'])).toBe(1);
  const event = JSON.parse(output.printed.trimEnd().split('\n').at(-1) ?? '');
  expect(event).toMatchObject({ event: 'error', log: expect.stringMatching(/\.log$/) });
});

test('the newest ten logs are kept, and so are files that are no logs', async () => {
  const cache = cacheRooms(await temporaryFolder());
  await replaceTool('mtype', 'exit 1');
  const old = Array.from({ length: 12 }, (_, day) => `2025-01-${10 + day}T00-00-00.000Z-1.log`);
  await mkdir(cache.logs);
  for (const name of [...old, 'notes.txt']) await writeFile(join(cache.logs, name), '');
  const error = await withBuildLog(cache, 'x', () => run('mtype', [])).catch(
    (thrown: unknown) => thrown,
  );
  const names = (await readdir(cache.logs)).sort();
  expect(names.slice(0, 9)).toEqual(old.slice(3));
  expect(join(cache.logs, names[9] ?? '')).toBe(logOf(error));
  expect(names.slice(10)).toEqual(['notes.txt']);
});

test('a build that runs no tool leaves no log, and its error names none', async () => {
  const cache = cacheRooms(await temporaryFolder());
  const wrong = new Error('wrong');
  await expect(withBuildLog(cache, 'x', () => Promise.reject(wrong))).rejects.toBe(wrong);
  expect(logOf(wrong)).toBeUndefined();
  expect(await readdir(cache.root)).toEqual([]);
});
