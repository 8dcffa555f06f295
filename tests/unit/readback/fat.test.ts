import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { makeFat } from '../../../build/image/fat.ts';
import { readFat } from '../../../build/readback/fat.ts';
import { temporaryFolder } from '../folder.ts';

/** An image with these files: path → content. */
async function fat(files: Record<string, Buffer>): Promise<Buffer> {
  const folder = await temporaryFolder();
  const sources: Record<string, string> = {};
  for (const [index, [path, content]] of Object.entries(files).entries()) {
    sources[path] = join(folder, `${index}`);
    await writeFile(join(folder, `${index}`), content);
  }
  const image = join(folder, 'fat.img');
  await makeFat(image, {
    label: 'QXESP',
    files: sources,
    serial: '12345678',
    epoch: 1_700_000_000,
  });
  return readFile(image);
}

const FILES = {
  '/EFI/BOOT/BOOTX64.EFI': Buffer.from('loader '.repeat(1000)),
  '/loader/a long name.conf': Buffer.from('text'),
  '/empty': Buffer.alloc(0),
};

test('an image of mtools reads back: names of all lengths, contents, label', async () => {
  const { label, files, directories } = readFat(await fat(FILES), 'esp.img');
  expect(label).toBe('QXESP');
  expect(Object.fromEntries(files)).toEqual(FILES);
  expect(directories.sort()).toEqual(['/EFI', '/EFI/BOOT', '/loader']);
});

test('a larger image, with wider entries in its table, reads back too', async () => {
  const content = Buffer.alloc(9 * 1024 * 1024, 'large ');
  const { files } = readFat(await fat({ '/LARGE.BIN': content }), 'esp.img');
  expect(files.get('/LARGE.BIN')?.equals(content)).toBe(true);
});

test('a truncated image, or one with damaged tables, is refused', async () => {
  const image = await fat(FILES);
  const refusal = (change: (bytes: Buffer) => Buffer) => () =>
    readFat(change(Buffer.from(image)), 'esp.img');
  const setByte = (at: number, value: number) =>
    refusal((bytes) => {
      bytes[at] = value;
      return bytes;
    });
  expect(refusal((bytes) => bytes.subarray(0, -512))).toThrow('not as large as its image');
  expect(refusal((bytes) => bytes.subarray(0, 20))).toThrow('it ends too early');
  expect(setByte(510, 0)).toThrow('it is not a FAT file system');
  const reserved = image.readUInt16LE(14) * 512;
  expect(setByte(reserved + 5, 0x77)).toThrow('its tables differ from each other');
});
