import { mkdir, open, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { DiskUse } from '../../../build/process/disk-use.ts';
import { temporaryFolder } from '../folder.ts';

const MIB = 1024 * 1024;

test('the largest size of a folder is known after its removal, without holes in sparse files', async () => {
  const folder = await temporaryFolder();
  using use = new DiskUse(folder);
  await mkdir(join(folder, 'within'));
  const file = join(folder, 'within/file');
  await writeFile(file, Buffer.alloc(3 * MIB, 'x'));
  {
    await using sparse = await open(join(folder, 'sparse'), 'w');
    await sparse.truncate(1024 * MIB);
  }
  await vi.waitUntil(() => use.peak >= 3 * MIB, 30_000);
  await rm(file);
  expect(use.peak).toBeGreaterThanOrEqual(3 * MIB);
  expect(use.peak).toBeLessThan(4 * MIB);
});

test('a missing folder has size 0', async () => {
  using use = new DiskUse(join(await temporaryFolder(), 'nothing'));
  expect(use.peak).toBe(0);
});
