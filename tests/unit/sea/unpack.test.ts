import { existsSync } from 'node:fs';
import { mkdir, readFile, stat, truncate, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { create } from 'tar';
import { expect, test } from 'vitest';
import { unpackNode } from '../../../build/sea/unpack.ts';
import { temporaryFolder } from '../folder.ts';

/** An archive of these files, path → text, and where the program is to go. */
async function archiveOf(files: Record<string, string>) {
  const folder = await temporaryFolder();
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(folder, 'from', path)), { recursive: true });
    await writeFile(join(folder, 'from', path), text);
  }
  const archive = join(folder, 'node.tar.gz');
  await create({ file: archive, gzip: true, cwd: join(folder, 'from') }, Object.keys(files));
  return { archive, into: join(folder, 'node') };
}

test('only the program is unpacked, and executable', async () => {
  const { archive, into } = await archiveOf({
    'node-v1/README.md': 'read me',
    'node-v1/bin/node': 'the program',
    'node-v1/bin/npm': 'another',
    'node-v1/share/bin/node': 'deeper',
  });
  await unpackNode(archive, into);
  expect(await readFile(into, 'utf8')).toBe('the program');
  expect((await stat(into)).mode & 0o777).toBe(0o755);
});

test('an archive without the program is refused', async () => {
  const { archive, into } = await archiveOf({ 'node-v1/README.md': 'read me' });
  await expect(unpackNode(archive, into)).rejects.toThrow(/has no program <folder>\/bin\/node/);
  expect(existsSync(into)).toBe(false);
});

test('an archive with two programs is refused', async () => {
  const { archive, into } = await archiveOf({ 'a/bin/node': 'one', 'b/bin/node': 'other' });
  await expect(unpackNode(archive, into)).rejects.toThrow(/node\.tar\.gz/);
});

test.each<[string, (archive: string) => Promise<void>]>([
  ['cut off', (archive) => truncate(archive, 60)],
  ['of no known form', (archive) => writeFile(archive, 'node '.repeat(1000))],
  ['empty', (archive) => truncate(archive, 0)],
])('an archive that is %s is refused with its path', async (_, spoil) => {
  const { archive, into } = await archiveOf({ 'node-v1/bin/node': 'the program'.repeat(1000) });
  await spoil(archive);
  await expect(unpackNode(archive, into)).rejects.toThrow(/node\.tar\.gz/);
});
