import { readdir, readFile, truncate, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { makeEsp } from '../../../build/image/esp.ts';
import { run } from '../../../build/process/run.ts';
import { temporaryFolder } from '../folder.ts';

const SOURCES = { '/EFI/BOOT/BOOTX64.EFI': 'loader', '/EFI/QUANTIX/grub.cfg': 'configuration' };

/** Makes an EFI system partition with two files. @returns its folder */
async function partition(mtime: number): Promise<string> {
  const folder = await temporaryFolder();
  const files: Record<string, string> = {};
  for (const [path, content] of Object.entries(SOURCES)) {
    files[path] = join(folder, content);
    await writeFile(files[path], content.repeat(1000));
    await utimes(files[path], mtime, mtime);
  }
  await makeEsp(join(folder, 'esp.img'), { files, serial: '89abcdef', epoch: 1_700_000_000 });
  return folder;
}

test('mtools reads back the files, their time and the serial number', async () => {
  const image = join(await partition(1), 'esp.img');
  const listing = await run('mdir', ['-/', '-i', image, '::']);
  expect(listing).toContain('Volume Serial Number is 89AB-CDEF');
  expect(listing).toMatch(/BOOTX64 +EFI +6000 +2023-11-14 +22:13/);
  expect(await run('mtype', ['-i', image, '::/EFI/QUANTIX/grub.cfg'])).toBe(
    'configuration'.repeat(1000),
  );
});

test('the same files give the same bytes, whenever they were made', async () => {
  const [one, other] = [await partition(1), await partition(1_600_000_000)];
  const bytes = await readFile(join(one, 'esp.img'));
  expect(bytes.equals(await readFile(join(other, 'esp.img')))).toBe(true);
  expect(bytes.length % (1024 * 1024)).toBe(0);
  expect((await readdir(one)).sort()).toEqual(['configuration', 'esp.img', 'loader']);
});

test('a size that El Torito cannot express is refused before anything is written', async () => {
  const folder = await temporaryFolder();
  const loader = join(folder, 'loader');
  await writeFile(loader, '');
  await truncate(loader, 32 * 1024 * 1024);
  const request = { files: { '/EFI/A.EFI': loader }, serial: '00000001', epoch: 1 };
  await expect(makeEsp(join(folder, 'esp.img'), request)).rejects.toThrow(
    'the EFI system partition would need 33554432 bytes',
  );
  expect(await readdir(folder)).toEqual(['loader']);
});

test('a name that mtools would change is an error', async () => {
  const folder = await temporaryFolder();
  await writeFile(join(folder, 'loader'), 'x');
  const request = {
    files: { '/EFI/a:b.efi': join(folder, 'loader') },
    serial: '00000001',
    epoch: 1,
  };
  await expect(makeEsp(join(folder, 'esp.img'), request)).rejects.toThrow(
    '/EFI/a:b.efi is missing',
  );
});

test('a large loader fits', async () => {
  const folder = await temporaryFolder();
  const loader = join(folder, 'loader');
  await writeFile(loader, Buffer.alloc(5_000_000, 'x'));
  const image = join(folder, 'esp.img');
  await makeEsp(image, { files: { '/EFI/A.EFI': loader }, serial: '00000001', epoch: 1 });
  expect(await run('mdir', ['-b', '-/', '-i', image, '::'])).toContain('::/EFI/A.EFI');
});
