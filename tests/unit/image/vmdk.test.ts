import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { expect, test } from 'vitest';
import { z } from 'zod';
import type { SparseDisk } from '../../../build/image/sparse-disk.ts';
import { streamVmdk } from '../../../build/image/vmdk.ts';
import { run } from '../../../build/process/run.ts';
import { DISK_BYTES, sparseDisk } from './disks.ts';

async function write(disk: SparseDisk, name = 'disk.vmdk', identity = '0123456789abcdef') {
  const file = join(dirname(disk.file), name);
  await pipeline(streamVmdk(disk, { identity }), createWriteStream(file));
  return file;
}

test('qemu-img reads a VMDK as a stream-optimised disk with the same content', async () => {
  const disk = await sparseDisk();
  const file = await write(disk);
  const compared = ['compare', '-f', 'raw', '-F', 'vmdk', disk.file, file];
  expect(await run('qemu-img', compared)).toContain('Images are identical');
  const info = z
    .object({
      'virtual-size': z.number(),
      'format-specific': z.object({
        data: z.object({ 'create-type': z.string(), 'parent-cid': z.number() }),
      }),
    })
    .parse(JSON.parse(await run('qemu-img', ['info', '-f', 'vmdk', '--output=json', file])));
  expect(info['virtual-size']).toBe(DISK_BYTES);
  expect(info['format-specific'].data).toEqual({
    'create-type': 'streamOptimized',
    'parent-cid': 0xffffffff,
  });
  await run('qemu-img', ['check', '-f', 'vmdk', file]);
});

test('an empty disk, and a disk without an empty grain, are read back unchanged', async () => {
  const full = [{ offset: 0, data: Buffer.alloc(64 * 1024 * 1024, 'full ') }];
  for (const writes of [[], full]) {
    const disk = await sparseDisk(writes, 64 * 1024 * 1024);
    const compared = ['compare', '-f', 'raw', '-F', 'vmdk', disk.file, await write(disk)];
    expect(await run('qemu-img', compared)).toContain('Images are identical');
  }
});

test('the same disk gives the same bytes, whatever its file name; another disk has another content id', async () => {
  const disk = await sparseDisk();
  const hash = async (file: string) =>
    createHash('sha256')
      .update(await readFile(file))
      .digest('hex');
  const one = await hash(await write(disk, 'one.vmdk'));
  expect(await hash(await write(disk, 'another.vmdk'))).toBe(one);
  const contentId = async (file: string) =>
    /^CID=([0-9a-f]{8})$/m.exec((await readFile(file)).toString('latin1', 512, 2048))?.[1];
  const ids = await Promise.all(
    ['a', 'b'].map(async (id) => contentId(await write(disk, id, `build ${id}`))),
  );
  expect(ids[0]).toMatch(/^[0-7]/);
  expect(ids[1]).not.toBe(ids[0]);
});

test('holes and zeros take no space', async () => {
  expect((await stat(await write(await sparseDisk()))).size).toBeLessThan(3 * 1024 * 1024);
});

test('a reader from front to back finds each part where the part before it says', async () => {
  const file = await readFile(await write(await sparseDisk()));
  const kinds: string[] = [];
  let at = 128 * 512;
  let grains = 0;
  while (at < file.length) {
    const [value, size] = [Number(file.readBigUInt64LE(at)), file.readUInt32LE(at + 8)];
    if (size > 0) {
      grains += 1;
      expect(value % 128).toBe(0);
      at += Math.ceil((12 + size) / 512) * 512;
      continue;
    }
    kinds.push(['end', 'table', 'directory', 'footer'][file.readUInt32LE(at + 12)] ?? 'unknown');
    at += (1 + value) * 512;
  }
  expect(at).toBe(file.length);
  expect(grains).toBe(1 + 16 + 1 + 16 + 1 + 32 + 1);
  expect(kinds).toEqual([...Array(4).fill('table'), 'directory', 'footer', 'end']);
  const [header, footer] = [file.subarray(0, 512), file.subarray(-1024, -512)];
  const directory = Number(footer.readBigUInt64LE(56));
  expect(header.readBigUInt64LE(56)).toBe(2n ** 64n - 1n);
  expect(file.readUInt32LE(directory * 512 - 512 + 12)).toBe(2);
  footer.writeBigUInt64LE(2n ** 64n - 1n, 56);
  expect(footer.equals(header)).toBe(true);
});
