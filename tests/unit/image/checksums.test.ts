import { createHash } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { expect, onTestFinished, test } from 'vitest';
import { readChecksums, updateChecksums } from '../../../build/image/checksums.ts';
import { formatChecksums, parseChecksums } from '../../../build/release/checksums.ts';

const a = 'a'.repeat(64);
const b = 'b'.repeat(64);

async function dist(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'quantix-dist-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

test('sha256sum accepts the written list', async () => {
  const folder = await dist();
  await writeFile(join(folder, 'x y.iso'), 'content');
  const sha256 = createHash('sha256').update('content').digest('hex');
  await updateChecksums(folder, { 'x y.iso': sha256 });
  const { stdout } = await execa('sha256sum', ['-c', '--strict', 'SHA256SUMS'], { cwd: folder });
  expect(stdout).toBe('x y.iso: OK');
});

test('lines of other existing files stay, and all lines are sorted', async () => {
  const folder = await dist();
  for (const name of ['kept.iso', 'z.iso']) await writeFile(join(folder, name), '');
  await writeFile(join(folder, 'SHA256SUMS'), `${a} *z.iso\n${a}  gone.iso\n${a}  kept.iso\n`);
  await updateChecksums(folder, { 'new.iso': b, 'z.iso': b });
  const text = await readFile(join(folder, 'SHA256SUMS'), 'utf8');
  expect(text).toBe(`${a}  kept.iso\n${b}  new.iso\n${b}  z.iso\n`);
  expect((await readdir(folder)).sort()).toEqual(['SHA256SUMS', 'kept.iso', 'z.iso']);
});

test('if many builds add a line at the same time, no line is lost', async () => {
  const folder = await dist();
  const module = join(import.meta.dirname, '../../../build/image/checksums.ts');
  const names = (builder: number) => Array.from({ length: 8 }, (_, at) => `${builder}-${at}.iso`);
  const builders = [0, 1, 2];
  for (const name of builders.flatMap(names)) await writeFile(join(folder, name), '');
  const code = (builder: number) => `
    const { updateChecksums } = await import(${JSON.stringify(module)});
    const names = ${JSON.stringify(names(builder))};
    await Promise.all(names.map((name) =>
      updateChecksums(${JSON.stringify(folder)}, { [name]: ${JSON.stringify(a)} })));`;
  await Promise.all(
    builders.map((one) => execa(process.execPath, ['--input-type=module', '-e', code(one)])),
  );
  const found = await readChecksums(folder);
  expect([...found.keys()]).toEqual(builders.flatMap(names));
  expect((await readdir(folder)).filter((name) => name.startsWith('.'))).toEqual([]);
});

test.each([
  ['a short digest', `${a.slice(1)}  x`],
  ['upper case', `${'A'.repeat(64)}  x`],
  ['one space', `${a} x`],
  ['no name', `${a}  `],
  ['a path', `${a}  ../x`],
  ['the parent folder', `${a}  ..`],
  ['an escaped name', `\\${a}  x`],
  ['a carriage return', `${a}  x\r`],
  ['a NUL', `${a}  x\0y`],
  ['a second digest', `${b}  ok`],
])('%s is refused with its line number', (_name, line) => {
  expect(() => parseChecksums(`${a}  ok\n${line}\n`, 'dist/SHA256SUMS')).toThrow(
    /^line 2 .*\(dist\/SHA256SUMS\)/s,
  );
});

test('a file name that would need escaping is refused', () => {
  expect(() => formatChecksums(new Map([['a\nb', a]]))).toThrow('cannot have a checksum line');
});
