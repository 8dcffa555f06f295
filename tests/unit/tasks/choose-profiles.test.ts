import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import written from '../../../profiles/qvdc.ts';
import { main } from '../../../tasks/command-line.ts';
import { chooseProfiles } from '../../../tasks/commands/context.ts';
import { temporaryFolder } from '../folder.ts';
import { captureOutput } from './captured-output.ts';

const output = captureOutput();

test('a command uses each named profile once, or all if none is named', () => {
  expect(chooseProfiles({ profile: ['qvdc', 'quantix-os', 'qvdc'] })).toEqual([
    'qvdc',
    'quantix-os',
  ]);
  expect(chooseProfiles({ profile: [] })).toEqual(['quantix-os', 'qvdc']);
});

test.each([
  ['images of two profiles with the same name', 'iso', ['a/mine.ts', 'b/mine.ts']],
  [
    'images of a profile of the project and of another one with its name',
    'iso',
    ['qvdc', 'a/other.ts'],
  ],
  ['root filesystems of two profiles with the same name', 'rootfs', ['a/mine.ts', 'b/mine.ts']],
  ['locks of two profiles with the same name, in one folder,', 'lock', ['a/mine.ts', 'a/again.ts']],
])('%s in one command are refused before one replaces the other', async (_, command, wanted) => {
  const folder = await temporaryFolder();
  const names = { 'a/mine.ts': 'mine', 'a/again.ts': 'mine', 'b/mine.ts': 'mine' };
  for (const [path, name] of Object.entries({ ...names, 'a/other.ts': 'qvdc' })) {
    await mkdir(join(folder, path, '..'), { recursive: true });
    await writeFile(
      join(folder, path),
      `export default ${JSON.stringify({ ...written, name })};\n`,
    );
  }
  const profiles = wanted.flatMap((one) => [
    ...['--profile', one.includes('/') ? join(folder, one) : one],
  ]);
  const made = command === 'lock' ? [] : ['--output', join(folder, 'dist')];
  expect(await main([command, ...profiles, ...made])).toBe(1);
  expect(output.complained).toMatch(
    /^qx-build: both profiles are named "\w+", so .* \(.* and .*\)\. Give each/,
  );
  expect((await readdir(folder)).toSorted()).toEqual(['a', 'b']);
});
