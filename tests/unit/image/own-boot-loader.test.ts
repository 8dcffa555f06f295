import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { expect, test } from 'vitest';
import { ARCHITECTURES, DEFAULT_ARCHITECTURE } from '../../../build/architecture.ts';
import { readBootFiles } from '../../../build/disk/boot-files.ts';
import { formatFat32 } from '../../../build/disk/fat32.ts';
import { ESP_IMAGE, makeBootLoader, OF_DISK } from '../../../build/image/boot-loader.ts';
import { makeCheckedConfig } from '../../../build/image/grub-checked.ts';
import { formatMenuConfig } from '../../../build/image/grub-config.ts';
import { formatDiskConfig, formatSlotConfig } from '../../../build/image/grub-disk.ts';
import { planLiveMenu, planSlotMenu } from '../../../build/image/grub-model.ts';
import { readFat } from '../../../build/readback/fat.ts';
import { ENROLMENT_FILES } from '../../../build/secure-boot/enrolment.ts';
import { signFile } from '../../../build/secure-boot/openpgp.ts';
import { ContentReader } from '../../../build/tree/content.ts';
import { temporaryFolder } from '../folder.ts';
import { newOwner } from '../secure-boot/owners.ts';
import { hostGrub } from './host-grub.ts';

test('the boot loaders of an owner are signed, a medium has the files that enrol the key, and a disk has a signed menu', async () => {
  const { owner } = await newOwner();
  const folder = await temporaryFolder();
  using reader = new ContentReader();
  await makeBootLoader(folder, {
    ...{ architecture: ARCHITECTURES[DEFAULT_ARCHITECTURE], grub: hostGrub(reader) },
    ...{
      isSigned: false,
      owner,
      namespace: 'quantix',
      buildId: '0123456789abcdef',
      epoch: 1_700_000_000,
    },
  });
  const esp = readFat(await readFile(join(folder, ESP_IMAGE)), ESP_IMAGE).files;
  const enrolment = ENROLMENT_FILES.map((name) => `/EFI/keys/${name}`);
  expect([...esp.keys()].toSorted()).toEqual(['/EFI/BOOT/BOOTX64.EFI', ...enrolment].toSorted());
  expect(esp.get('/EFI/keys/db.cer')).toEqual(owner.certificate);

  const { efi, bios } = await readBootFiles(folder, OF_DISK);
  const menu = Buffer.from(makeCheckedConfig(formatDiskConfig('quantix')));
  expect(efi.get('/grub/menu')).toEqual(menu);
  expect(efi.get('/grub/menu.sig')).toEqual(await signFile(owner, menu));
  expect(efi.get('/grub/owner.cer')).toEqual(owner.certificate);
  expect(efi.get('/EFI/BOOT/BOOTX64.EFI')?.includes('\nnormal $prefix/menu\n')).toBe(true);
  // GRUB for BIOS reads this, and verifies nothing.
  expect(efi.get('/grub/grub.cfg')?.toString()).toBe(formatDiskConfig('quantix'));
  // The file system of a disk’s EFI partition has names of 8.3 characters only.
  const place = { bytes: 300 * 1024 * 1024, sectorSize: 512, offset: 0 };
  formatFat32({ ...place, label: 'X', serial: 0, files: efi, epoch: 1_700_000_000 });
  expect(bios?.boot.length).toBe(512);
  for (const program of [esp.get('/EFI/BOOT/BOOTX64.EFI'), efi.get('/EFI/BOOT/BOOTX64.EFI')]) {
    expect(program?.includes(owner.certificate)).toBe(true);
    // GRUB's command line, where verification can be turned off, is locked.
    expect(program?.includes('set superusers=""\nexport superusers\n')).toBe(true);
  }

  await rm(join(folder, `${OF_DISK}menu.sig`));
  await expect(readBootFiles(folder, OF_DISK)).rejects.toThrow(
    'has menu and owner.cer, but not all files of a signed menu',
  );
});

test('a checked menu is valid for GRUB’s shell, everyone may boot its entries, and the state of a disk needs no signature', async () => {
  const request = {
    ...{ title: 'QvDC', version: '0.1.0', flavour: 'full' as const },
    namespace: 'quantix',
    cmdline: ['quantix.build=0123456789abcdef'],
  };
  const configs = [
    formatMenuConfig(planLiveMenu(request)),
    formatSlotConfig(planSlotMenu(request)),
    formatDiskConfig('quantix'),
  ];
  for (const config of configs) {
    const input = makeCheckedConfig(config);
    await execa('grub-script-check', { input });
    const lines = input.split('\n').filter((line) => /^\s*menuentry /.test(line));
    expect(lines.length).toBeGreaterThan(2);
    for (const line of lines) expect(line).toMatch(/ --unrestricted( --id .*)? \{$/);
    expect(input.replaceAll(' --unrestricted', '').replace(' --skip-sig', '')).toBe(config);
  }
  expect(makeCheckedConfig(formatDiskConfig('quantix'))).toContain(
    '\nload_env --skip-sig --file "($efi)/grub/grubenv" good try left\n',
  );
});
