import { expect, test } from 'vitest';
import { makeMarkerPath } from '../../../build/disk/medium-paths.ts';
import {
  formatEarlyConfig,
  formatMenuConfig,
  listReferencedPaths,
} from '../../../build/image/grub-config.ts';
import { type BootEntry, planLiveMenu } from '../../../build/image/grub-model.ts';

test('the core image finds the medium by its marker, first on its own disk, and reads the menu there', () => {
  expect(formatEarlyConfig(makeMarkerPath('hello', '0123456789abcdef'))).toBe(
    'regexp --set=1:disk "^([^,]*)" "$root"\n' +
      `search --no-floppy --file --set=root --hint="$disk," /hello/build-0123456789abcdef\n` +
      'set prefix=($root)/boot/grub\n',
  );
});

test('the menu of a live image is valid for GRUB', () => {
  const cmdline = ['console=ttyS0,115200', 'quantix.build=0123456789abcdef'];
  const named = { title: 'Quantix-OS', namespace: 'quantix', version: '0.1.0' };
  const menu = planLiveMenu({ ...named, flavour: 'full', cmdline });
  const parameters = 'console=ttyS0,115200 quantix.build=0123456789abcdef quantix.mode=live';
  expect(formatMenuConfig(menu)).toBe(`set timeout=3
set default=live
if serial --unit=0 --speed=115200; then
  terminal_input console serial
  terminal_output console serial
fi
menuentry 'Quantix-OS 0.1.0' --id live {
  linux /boot/vmlinuz ${parameters}
  initrd /boot/initramfs
}
menuentry 'Install Quantix-OS 0.1.0 on a disk' --id install {
  linux /boot/vmlinuz console=ttyS0,115200 quantix.build=0123456789abcdef quantix.mode=install quantix.data=none
  initrd /boot/initramfs
}
menuentry 'Quantix-OS 0.1.0 (copied to memory; the medium can be removed)' --id toram {
  linux /boot/vmlinuz ${parameters} quantix.toram
  initrd /boot/initramfs
}
menuentry 'Quantix-OS 0.1.0 (safe graphics)' --id safe {
  linux /boot/vmlinuz ${parameters} nomodeset
  initrd /boot/initramfs
}
menuentry 'Quantix-OS 0.1.0 (verbose, with a shell if the boot fails)' --id debug {
  linux /boot/vmlinuz ${parameters} loglevel=7 quantix.debug
  initrd /boot/initramfs
}
menuentry 'Restart' --id restart {
  reboot
}
menuentry 'Power off' --id poweroff {
  halt
}
`);
});

const entry: BootEntry = {
  id: 'live',
  title: 'x',
  kernel: '/boot/vmlinuz',
  initramfs: '/boot/initramfs',
  cmdline: ['quiet'],
};

test.each<[string, Partial<BootEntry>]>([
  ['a title with a quote', { title: "Bob's" }],
  ['a title of two lines', { title: "x\nmenuentry 'y' {}" }],
  ['a parameter with a blank', { cmdline: ['a b'] }],
  ['a parameter with a semicolon', { cmdline: ['a;reboot'] }],
  ['a parameter with a dollar', { cmdline: ['a=$root'] }],
  ['a parameter with a brace', { cmdline: ['}'] }],
  ['a parameter with a quote', { cmdline: ["a='b'"] }],
  ['a parameter of two lines', { cmdline: ['a\nhalt'] }],
  ['an empty parameter', { cmdline: [''] }],
  ['an id with a blank', { id: 'a b' }],
  ['a kernel with a backslash', { kernel: '/boot/a\\b' }],
  ['an initramfs with a star', { initramfs: '/boot/*' }],
])('%s is refused', (_, odd) => {
  expect(() => formatMenuConfig({ timeout: 1, entries: [{ ...entry, ...odd }] })).toThrow(
    /must not contain quotes|cannot stand in grub\.cfg/,
  );
});

test('the files that a menu refers to are listed', () => {
  const config = formatMenuConfig({ timeout: 1, entries: [entry] });
  expect(listReferencedPaths(config)).toEqual(['/boot/vmlinuz', '/boot/initramfs']);
  expect(listReferencedPaths('# linux /x\nlinux16 /y\n\tlinux\t/z a\n')).toEqual(['/z']);
});

test('every entry of a small image states its purpose', () => {
  const named = { title: 'QvDC', namespace: 'quantix', version: '1' };
  const menu = planLiveMenu({ ...named, flavour: 'virt', cmdline: [] });
  const titles = menu.entries.map(({ title }) => title);
  expect(titles[0]).toBe('QvDC 1 for virtual machines with virtio');
  expect(titles.filter((title) => !title.includes('for virtual machines'))).toEqual([]);
});
