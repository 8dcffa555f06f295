import { readFile, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { expect, test } from 'vitest';
import { main } from '../../../tasks/command-line.ts';
import { temporaryFolder } from '../folder.ts';
import { locked, sampleLock } from '../lock/locks.ts';
import { captureOutput } from '../tasks/captured-output.ts';
import { file } from '../tree/trees.ts';
import { rootfs, writeSmallIso } from './images.ts';

const PROJECT = resolve(import.meta.dirname, '../../..');

/** Packages as an update of Debian changes them: name, version before and after, bytes before and after. */
const MOVED = [
  ['base-files', '13.8', '13.8+deb13u1', 73_000, 73_400],
  ['libc6', '2.41-12', '2.41-12+deb13u1', 2_847_000, 2_847_500],
  ['libssl3t64', '3.5.1-1', '3.5.4-1~deb13u1', 2_431_000, 2_466_000],
  ['openssh-server', '1:10.0p1-7', '1:10.0p1-7+deb13u1', 598_000, 602_000],
  ['qemu-system-x86', '1:10.0.2', '1:10.0.7', 5_612_000, 5_481_000],
  ['libabsl20240722', '20240722.0-4', undefined, 492_000, 0],
  ['nftables', undefined, '1.1.3-1', 0, 321_000],
] as const;

const output = captureOutput();

/** Returns the arguments of `qx-build` in a command of the document; its files are in a folder. */
function wordsOf(line: string, folder: string): string[] {
  const [, words = ''] = /^npm run -s qx-build -- (.*?)(?: >> \S+)?$/.exec(line) ?? [];
  return words
    .split(' ')
    .map((word, at, all) =>
      /\.(iso|json)$/.test(word) || all[at - 1] === '--output' ? join(folder, word) : word,
    );
}

test('the commands of docs/reports.md work, and draw its picture', async () => {
  const folder = await temporaryFolder();
  const [old, fresh] = ['old', 'new'].map((name) => join(folder, name));
  const packages = (at: 1 | 2) =>
    MOVED.flatMap((row) => {
      const version = row[at];
      return version === undefined
        ? []
        : [locked(row[0], { version, size: row[at === 1 ? 3 : 4] })];
    });
  const lock = sampleLock();
  await writeFile(`${old}.lock.json`, JSON.stringify({ ...lock, packages: packages(1) }));
  await writeFile(`${fresh}.lock.json`, JSON.stringify({ ...lock, packages: packages(2) }));
  for (const [name, text] of [
    ['old', 'small'],
    ['new', 'larger than before'],
  ] as const) {
    const image = { system: rootfs('1', file('x', text)), build: name, module: 'loop' };
    const made = await writeSmallIso(await temporaryFolder(), image);
    await writeFile(join(folder, `${name}.iso`), await readFile(made));
  }
  const steps = [{ step: 'iso', began: 0, seconds: 1, cached: false }];
  await writeFile(`${fresh}.iso.manifest.json`, JSON.stringify({ steps }));

  const text = await readFile(join(PROJECT, 'docs/reports.md'), 'utf8');
  const lines = [...text.matchAll(/^```sh\n([\s\S]*?)^```/gm)]
    .flatMap(([, block = '']) => block.split('\n'))
    .filter((line) => line !== '');
  const codes: number[] = [];
  for (const line of lines) codes.push(await main(wordsOf(line, folder)));
  expect(output.complained).toBe('');
  expect(codes).toEqual([1, 1, 0, 0, 0]);
  expect(output.printed).toContain('<summary>Packages: 7</summary>');
  const drawn = await readFile(join(folder, 'report/packages.svg'), 'utf8');
  await expect(drawn).toMatchFileSnapshot(join(PROJECT, 'docs/report-packages.svg'));
});
