import { expect, test } from 'vitest';
import { findBadLines } from '../../../build/qemu/bad-lines.ts';

test.each([
  [
    'kernel panic',
    '[    1.2] Kernel panic - not syncing: VFS: Unable to mount root fs on unknown',
    true,
  ],
  ['kernel bug', '[    3.4] kernel BUG at mm/slub.c:305!', true],
  ['kernel bug', '[    9.1] BUG: kernel NULL pointer dereference, address: 0000000000000008', true],
  ['kernel oops', '[    9.1] Oops: 0002 [#1] PREEMPT SMP NOPTI', true],
  ['kernel oops', '[    5.0] general protection fault, probably for non-canonical address', true],
  ['call trace', '[    9.1] Call Trace:', false],
  [
    'no root',
    '[    1.2] VFS: Cannot open root device "sda1" or unknown-block(0,0): error -6',
    true,
  ],
  ['out of memory', '[   99.0] Out of memory: Killed process 812 (qemu) total-vm:9999kB', false],
  ['hung task', '[  243.1] INFO: task jbd2/vda1-8:300 blocked for more than 120 seconds.', false],
  ['hung task', '[   60.1] watchdog: BUG: soft lockup - CPU#0 stuck for 22s! [swapper/0:1]', false],
  ['I/O error', '[   12.3] I/O error, dev sr0, sector 1234 op 0x0:(READ) flags 0x80700', false],
  [
    'file system error',
    '[   12.3] SQUASHFS error: zstd decompression failed, data probably corrupt',
    false,
  ],
  ['file system error', '[   12.3] EXT4-fs error (device vda1): ext4_lookup:1855: inode #2', false],
  [
    'file system error',
    '[   12.3] XFS (vda1): Metadata corruption detected at xfs_agf_verify',
    false,
  ],
  [
    'segmentation fault',
    '[   20.1] qx[411]: segfault at 0 ip 00007f sp 00007ffd error 4 in qx',
    false,
  ],
  ['segmentation fault', '[   20.1] traps: qx[411] trap invalid opcode ip:5 sp:7 error:0', false],
  [
    'start of the appliance',
    '[    8.0] quantix: cannot start: no device has /quantix/build-12',
    true,
  ],
  ['respawn', "process '/sbin/getty ttyS0' (pid 512) exited. Scheduling for restart.", false],
  ['emergency shell', "/bin/sh: can't access tty; job control turned off", false],
  ['emergency shell', 'You are in an Emergency Shell. Type Ctrl-D to continue', false],
  ['service failed', ' * ERROR: chronyd failed to start', false],
  ['service failed', ' * ERROR: cannot start libvirtd as dbus would not start', false],
  ['service crashed', ' * WARNING: dbus has crashed', false],
  ['missing program', '/etc/init.d/net: line 12: ipset: not found', false],
  ['missing program', "/init: line 3: can't open '/proc/cmdline': No such file", false],
  ['GRUB', 'error: no such device: /quantix/build-0123.', false],
  ['GRUB', "error: file `/boot/vmlinuz' not found.", false],
  ['GRUB has no menu', 'grub> ', true],
  ['GRUB has no menu', 'grub rescue> ', true],
  ['no bootable device', 'No bootable device.', true],
  ['no bootable device', 'BdsDxe: No bootable option or device was found.', true],
])('%s is found in %j', (sign, line, fatal) => {
  const [found, ...others] = findBadLines(`a good line\n${line}\nanother one`);
  expect(others).toEqual([]);
  expect(found).toEqual({ sign, line, fatal });
});

test('a boot without faults has no bad lines', () => {
  const boot = `GRUB loading..
Welcome to GRUB!
[    0.000000] Linux version 6.1.0-56-cloud-amd64 (debian-kernel@lists.debian.org)
[    0.000000] Command line: BOOT_IMAGE=/boot/vmlinuz console=ttyS0,115200 panic=30
[    0.000000] BIOS-provided physical RAM map:
[    0.000000] BIOS-e820: [mem 0x0000000000000000-0x000000000009fbff] usable
[    0.014000] Spectre V1 : Mitigation: usercopy/swapgs barriers and __user pointer sanitization
[    0.094000] x86/fpu: Enabled xstate features 0x207, context size is 840 bytes
[    0.300000] ACPI: bus type drm_connector registered
[    0.512000] debug: unmapping init [mem 0xffffffff8213e000-0xffffffff821fffff]
[    0.700000] ata2.00: ATAPI: QEMU DVD-ROM, 2.5+, max UDMA/100
[    1.100000] EXT4-fs (vda1): mounted filesystem with ordered data mode. Quota mode: none.
[    1.200000] squashfs: version 4.0 (2009/01/31) Phillip Lougher
[    1.300000] quantix: medium 1.30
[    2.000000] quantix: several file systems are labelled QVDC-CFG: none is mounted at /quantix
 * Starting chronyd ...
 * WARNING: /quantix/hostname is not a host name
[    4.200000] quantix: ready 4.20

qvdc login: `;
  expect(findBadLines(boot)).toEqual([]);
  expect(findBadLines('')).toEqual([]);
});
