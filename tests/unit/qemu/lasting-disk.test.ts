import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { ensureLastingDisk, parseLastingDisk } from '../../../build/qemu/lasting-disk.ts';

test('a disk option has a name, and a size for a new disk', () => {
  expect(parseLastingDisk('data=20G')).toEqual({ name: 'data', size: 20 * 2 ** 30 });
  expect(parseLastingDisk('data')).toEqual({ name: 'data', size: undefined });
});

test.each(['', '=1G', 'a=', 'a=1', 'a=1K', 'a=-1G', '../a=1G', 'a/b', 'A=1G', 'a,b=1G', 'a=0G'])(
  '%j is not a valid disk option',
  (text) => {
    expect(() => parseLastingDisk(text)).toThrow(/--disk/);
  },
);

test('a disk is created once, sparse, and reused afterwards', async () => {
  const above = await mkdtemp(join(tmpdir(), 'quantix-disk-'));
  onTestFinished(() => rm(above, { recursive: true }));
  const folder = join(above, 'host-a');
  await expect(ensureLastingDisk({ name: 'data' }, { folder })).rejects.toThrow(
    /there is no disk data .* --disk data=20G/,
  );
  const size = 20 * 2 ** 30;
  const file = await ensureLastingDisk({ name: 'data', size }, { folder });
  expect(file).toBe(join(folder, 'data.qcow2'));
  const made = await stat(file);
  expect(made.size).toBeLessThan(2 ** 20);
  for (const again of [{ name: 'data' }, { name: 'data', size }]) {
    expect(await ensureLastingDisk(again, { folder })).toBe(file);
  }
  await expect(ensureLastingDisk({ name: 'data', size: size * 2 }, { folder })).rejects.toThrow(
    'the disk data is there, and has 21474836480 bytes, not 42949672960',
  );
  expect((await stat(file)).mtimeMs).toBe(made.mtimeMs);
  expect(await readdir(folder)).toEqual(['data.qcow2']);
});
