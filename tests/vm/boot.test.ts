import { expect, test } from 'vitest';
import { boot, imageOf, untilReady } from './story.ts';

/**
 * This test boots from a read-only virtio disk under BIOS, as no other test does. Other tests boot Quantix-OS on `pc`
 * from an IDE CD under BIOS and on `q35` from an AHCI CD under UEFI with Secure Boot (quantix-os.test.ts), from a SATA
 * disk under BIOS and UEFI (config-drive.test.ts), and from a USB stick with FAT under UEFI (hardware.test.ts). They
 * boot QvDC with two processors from an AHCI CD under UEFI, from a virtio-scsi CD under BIOS and from NVMe under UEFI
 * with Secure Boot (qvdc.test.ts). medium.test.ts has the ways to boot that differ only in the place of the medium.
 */
test('QvDC boots unattended under BIOS from a disk, and reports that it is ready and has no disk for data', async () => {
  const { iso: image } = imageOf('qvdc');
  await using story = await boot(
    'qvdc-bios-disk',
    { firmware: 'bios', medium: { as: 'disk', bus: 'virtio', image } },
    'nobody',
  );
  await untilReady(story);
  expect(story.guest.log).toContain('this machine forgets all at a restart');
  await story.screenshot();
  story.expectGoodConsole();
});
