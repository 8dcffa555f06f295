import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { ARCHITECTURES, DEFAULT_ARCHITECTURE } from '../../../build/architecture.ts';
import { readBootFiles } from '../../../build/disk/boot-files.ts';
import { ESP_IMAGE, makeBootLoader, OF_DISK } from '../../../build/image/boot-loader.ts';
import { readFat } from '../../../build/readback/fat.ts';
import { ContentReader } from '../../../build/tree/content.ts';
import { temporaryFolder } from '../folder.ts';
import { directory, file } from '../tree/trees.ts';
import { hostGrub } from './host-grub.ts';

const SHIM = Buffer.from('MZ shim, signed by Microsoft');
const GRUB = Buffer.from('MZ GRUB, signed by Debian');

/** Makes a boot loader from the host's GRUB and these files. @returns its folder */
async function makeSigned(files: Readonly<Record<string, Buffer>>): Promise<string> {
  const folder = await temporaryFolder();
  using reader = new ContentReader();
  const grub = hostGrub(reader);
  for (const path of ['usr/lib/shim', 'usr/lib/grub/x86_64-efi-signed']) grub.add(directory(path));
  for (const [path, content] of Object.entries(files)) grub.add(file(path, content));
  await makeBootLoader(folder, {
    ...{ architecture: ARCHITECTURES[DEFAULT_ARCHITECTURE], grub, isSigned: true },
    ...{ namespace: 'quantix', buildId: '0123456789abcdef', epoch: 1_700_000_000 },
  });
  return folder;
}

const SIGNED = {
  'usr/lib/shim/shimx64.efi.signed': SHIM,
  'usr/lib/grub/x86_64-efi-signed/grubx64.efi.signed': GRUB,
};

test('signed programs are on the medium and on an installed disk unchanged, each where the previous one looks for it', async () => {
  const folder = await makeSigned(SIGNED);
  const esp = readFat(await readFile(join(folder, ESP_IMAGE)), ESP_IMAGE).files;
  const programs = { '/EFI/BOOT/BOOTX64.EFI': SHIM, '/EFI/BOOT/grubx64.efi': GRUB };
  const config = esp.get('/EFI/debian/grub.cfg')?.toString();
  expect(config).toMatch(
    /search .*\/quantix\/build-0123456789abcdef\nset prefix=\(\$root\)\/boot\/grub\nsource \$prefix\/grub\.cfg\n$/,
  );
  expect(Object.fromEntries(esp)).toEqual({
    ...programs,
    '/EFI/debian/grub.cfg': Buffer.from(config ?? ''),
  });

  const { efi, bios } = await readBootFiles(folder, OF_DISK);
  expect(Object.fromEntries(efi)).toEqual({
    ...programs,
    '/EFI/debian/grub.cfg': Buffer.from('set prefix=($root)/grub\nsource $prefix/grub.cfg\n'),
    '/grub/grub.cfg': expect.any(Buffer),
  });
  expect(bios?.boot.length).toBe(512);
});

test.each(Object.keys(SIGNED))(
  'packages without %s are refused, and the error names it',
  async (path) => {
    const { [path]: _, ...others } = SIGNED as Record<string, Buffer>;
    await expect(makeSigned(others)).rejects.toThrow(
      `the packages with the boot loader have no /${path}`,
    );
  },
);
