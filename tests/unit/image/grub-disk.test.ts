import { execa } from 'execa';
import { expect, test } from 'vitest';
import { listReferencedPaths } from '../../../build/image/grub-config.ts';
import { formatDiskConfig, formatSlotConfig } from '../../../build/image/grub-disk.ts';
import { planSlotMenu } from '../../../build/image/grub-model.ts';

const MENU = planSlotMenu({
  ...{ title: 'Quantix-OS', version: '0.1.0', flavour: 'full' },
  namespace: 'quantix',
  cmdline: ['console=ttyS0,115200', 'quantix.build=0123456789abcdef'],
});

test('an image adds its entries to the menu of a disk, with its version and its slot', () => {
  const parameters = 'console=ttyS0,115200 quantix.build=0123456789abcdef';
  expect(formatSlotConfig(MENU)).toBe(`if [ "$slot_entries" = first ]; then
menuentry 'Quantix-OS 0.1.0, slot '"$slot_name" --id "$slot" "$root" "$slot_parameters" {
  set root="$2"
  linux /boot/vmlinuz ${parameters} $3
  initrd /boot/initramfs
}
else
menuentry 'Quantix-OS 0.1.0, slot '"$slot_name"' (safe graphics)' --id "$slot-safe" "$root" "$slot_parameters" {
  set root="$2"
  linux /boot/vmlinuz ${parameters} nomodeset $3
  initrd /boot/initramfs
}
menuentry 'Quantix-OS 0.1.0, slot '"$slot_name"' (verbose, with a shell if the boot fails)' --id "$slot-debug" "$root" "$slot_parameters" {
  set root="$2"
  linux /boot/vmlinuz ${parameters} loglevel=7 quantix.debug $3
  initrd /boot/initramfs
}
fi
`);
  expect(new Set(listReferencedPaths(formatSlotConfig(MENU)))).toEqual(
    new Set(['/boot/vmlinuz', '/boot/initramfs']),
  );
});

test('the configuration of an installed disk is valid for GRUB’s shell', async () => {
  for (const input of [formatDiskConfig('quantix'), formatSlotConfig(MENU)]) {
    await execa('grub-script-check', { input });
  }
});

test.each([
  ['a title with a quote', { title: "Bob's" }],
  ['a parameter with a dollar', { cmdline: ['a=$root'] }],
])('%s is refused', (_, odd) => {
  const first = { ...MENU.first, ...odd };
  expect(() => formatSlotConfig({ first, more: [] })).toThrow(
    /must not contain quotes|cannot stand in grub\.cfg/,
  );
});
