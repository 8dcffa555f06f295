import { createWriteStream, readdirSync, readlinkSync } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { execa } from 'execa';
import { expect, test } from 'vitest';
import { compressDisk } from '../../../build/image/raw-zst.ts';
import type { SparseDisk } from '../../../build/image/sparse-disk.ts';
import { run } from '../../../build/process/run.ts';
import { sparseDisk } from './disks.ts';

async function write(disk: SparseDisk, name = 'disk.raw.zst') {
  const file = join(dirname(disk.file), name);
  await pipeline(compressDisk(disk), createWriteStream(file));
  return file;
}

test('zstd decompresses a raw.zst to the disk, with holes', async () => {
  const disk = await sparseDisk();
  const file = await write(disk);
  const back = `${disk.file}.back`;
  await execa('zstd', ['-q', '-d', '--sparse', file, '-o', back]);
  const compared = ['compare', '-f', 'raw', '-F', 'raw', disk.file, back];
  expect(await run('qemu-img', compared)).toContain('Images are identical');
  expect((await stat(back)).size).toBe(disk.bytes);
  expect((await stat(back)).blocks * 512).toBeLessThan(64 * 1024 * 1024);
});

test('the same disk gives the same bytes; holes take almost none', async () => {
  const disk = await sparseDisk();
  const [one, other] = [
    await readFile(await write(disk, 'a')),
    await readFile(await write(disk, 'b')),
  ];
  expect(one.equals(other)).toBe(true);
  expect(one.length).toBeLessThan(2.5 * 1024 * 1024);
});

test('a reader that stops early, for example on a full disk, leaves no open file', async () => {
  const disk = await sparseDisk();
  for await (const chunk of compressDisk(disk)) if (chunk.length > 10_000) break;
  const open = readdirSync('/proc/self/fd').map((one) => {
    try {
      return readlinkSync(join('/proc/self/fd', one));
    } catch {
      return '';
    }
  });
  expect(open).not.toContain(disk.file);
});

test('a disk of zeros, and a disk with data up to its end, are decompressed unchanged', async () => {
  const full = [{ offset: 0, data: Buffer.alloc(3 * 1024 * 1024, 'full ') }];
  for (const writes of [[], full]) {
    const disk = await sparseDisk(writes, 3 * 1024 * 1024);
    const { stdout } = await execa('zstd', ['-q', '-d', '-c', await write(disk)], {
      encoding: 'buffer',
    });
    expect(Buffer.from(stdout).equals(await readFile(disk.file))).toBe(true);
  }
});
