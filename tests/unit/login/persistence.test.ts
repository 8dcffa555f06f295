import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { temporaryFolder } from '../folder.ts';
import { inShell, SHELLS } from './shell.ts';

describe.each(SHELLS.map((shell) => ({ name: shell[0], shell })))('$name', ({ shell }) => {
  const run = (cwd: string, text: string) => inShell(text, { shell, parts: ['persistence'], cwd });

  test('a file is stored readable by root only, and leftovers of an earlier power cut are removed', async () => {
    const cwd = await temporaryFolder();
    await mkdir(join(cwd, 'a'));
    await writeFile(join(cwd, 'a/.file.77'), 'half');
    expect(
      await run(cwd, 'echo old | keep_file a/file && echo new | keep_file a/file'),
    ).toMatchObject({
      status: 0,
    });
    expect(await readFile(join(cwd, 'a/file'), 'utf8')).toBe('new\n');
    expect((await stat(join(cwd, 'a/file'))).mode & 0o777).toBe(0o600);
    expect(await readdir(join(cwd, 'a'))).toEqual(['file']);
  });

  test('if writing fails the old file stays', async () => {
    const cwd = await temporaryFolder();
    await mkdir(join(cwd, 'a'));
    await writeFile(join(cwd, 'a/file'), 'old\n');
    const full = 'sync() { return 1; }; echo new | keep_file a/file';
    expect(await run(cwd, full)).toMatchObject({ status: 1 });
    expect(await readdir(join(cwd, 'a'))).toEqual(['file']);
    expect(await readFile(join(cwd, 'a/file'), 'utf8')).toBe('old\n');
    await writeFile(join(cwd, 'plain'), '');
    expect(await run(cwd, 'echo new | keep_file plain/file')).toMatchObject({ status: 1 });
  });

  test('a file that cannot be parsed is set aside and reported', async () => {
    const cwd = await temporaryFolder();
    await writeFile(join(cwd, 'file'), 'bad');
    expect((await run(cwd, 'set_aside ./file "is bad"')).stdout).toBe(
      'report: ./file: is bad; set aside as file.rejected',
    );
    expect(await readdir(cwd)).toEqual(['file.rejected']);
    await writeFile(join(cwd, 'file'), 'worse');
    expect((await run(cwd, 'set_aside ./file "is bad"')).stdout).toBe(
      'report: ./file: is bad; set aside as file.rejected-2',
    );
    expect(await readFile(join(cwd, 'file.rejected'), 'utf8')).toBe('bad');
    await run(cwd, 'forget_set_aside ./file');
    expect(await readdir(cwd)).toEqual([]);
    await writeFile(join(cwd, 'file.rejected'), '');
    const readOnly = 'mv() { return 1; }; set_aside ./file.rejected "is bad"';
    expect((await run(cwd, readOnly)).stdout).toBe('report: ./file.rejected: is bad; not used');
  });
});
