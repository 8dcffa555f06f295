import { readdir, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { sweepOutputFolder } from '../../../build/image/output-folder.ts';
import { makeTemporaryName } from '../../../build/process/atomic-write.ts';
import { temporaryFolder } from '../folder.ts';

test('files of a killed build are removed; files being written and files of others stay', async () => {
  const folder = await temporaryFolder();
  const iso = join(folder, 'qvdc-0.1.0-debian-x86_64.iso');
  const [left, written] = [makeTemporaryName(iso), makeTemporaryName(iso)];
  const others = [
    makeTemporaryName(join(folder, 'letter.txt')),
    join(folder, '.qvdc-notes.tmp'),
    iso,
  ];
  for (const file of [left, written, ...others]) await writeFile(file, '');
  for (const file of [left, ...others]) await utimes(file, 1, 1);
  await sweepOutputFolder(folder, ['qvdc']);
  const stays = [written, ...others].map((file) => file.slice(folder.length + 1));
  expect((await readdir(folder)).sort()).toEqual(stays.sort());
  await sweepOutputFolder(join(folder, 'nowhere'), ['qvdc']);
});
