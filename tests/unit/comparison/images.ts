import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { zstdCompressSync } from 'node:zlib';
import { OF_DISK } from '../../../build/image/boot-loader.ts';
import { makeCpioArchive } from '../../../build/image/cpio.ts';
import { writeDiskImage } from '../../../build/image/disk-image.ts';
import { QUICK, writeSquashfs } from '../../../build/image/squashfs.ts';
import { run } from '../../../build/process/run.ts';
import { sha256 } from '../../../build/step/digest.ts';
import type { Entry } from '../../../build/tree/entry.ts';
import { tarStream } from '../../../build/tree/tar-stream.ts';
import { directory, file, hardlink, program, symlink, treeOf } from '../tree/trees.ts';

const EPOCH = 1_700_000_000;
const MIB = 1024 * 1024;

/** Package lines of apk's database of installed packages. */
export const installed = (...packages: (readonly [name: string, version: string])[]): string =>
  packages.map(([name, version]) => `C:Q1${'A'.repeat(27)}=\nP:${name}\nV:${version}\n\n`).join('');

/** A small root filesystem of one version. */
export function rootfs(version: string, ...more: Entry[]): Entry[] {
  return [
    file('etc/os-release', `NAME="Small \\"one\\""\nVERSION_ID="${version}"\n`),
    file('etc/hostname', 'small\n'),
    symlink('etc/runlevels/default/sshd', '/etc/init.d/sshd'),
    file('lib/modules/6.12/kernel/zram.ko', 'module'),
    program('usr/bin/tool', 'tool '.repeat(100_000)),
    hardlink('usr/bin/alias', 'usr/bin/tool'),
    symlink('usr/share/far', `../${'x/'.repeat(100)}end`),
    ...more,
  ];
}

/** A tar of a root filesystem. */
export function tarOf(entries: readonly Entry[]): Buffer {
  return Buffer.concat([...tarStream(treeOf(...entries), EPOCH)].map((part) => Buffer.from(part)));
}

/** Writes an ISO with a root filesystem, an initramfs and an EFI system partition. @returns its path */
export async function writeSmallIso(
  folder: string,
  { system, build, module }: { system: readonly Entry[]; build: string; module: string },
): Promise<string> {
  const [content, esp, iso] = ['content', 'esp', 'x.iso'].map((name) => join(folder, name));
  if (content === undefined || esp === undefined || iso === undefined) throw new Error('no names');
  const settings = file('etc/initramfs', `MODULES="${module}"\n`);
  const first = makeCpioArchive(treeOf(directory('etc'), program('init', '#!/bin/sh\n')), EPOCH);
  const second = zstdCompressSync(makeCpioArchive(treeOf(settings), EPOCH));
  const menu = `menuentry 'Small' --id live {\n  linux /boot/vmlinuz quiet quantix.build=${build}\n}\n`;
  const files: Record<string, string | Buffer> = {
    'boot/vmlinuz': 'kernel',
    'boot/initramfs': Buffer.concat([first, second]),
    'boot/grub/grub.cfg': menu,
    [`quantix/build-${build}`]: build,
  };
  for (const [path, bytes] of Object.entries(files)) {
    await mkdir(dirname(join(content, path)), { recursive: true });
    await writeFile(join(content, path), bytes);
  }
  const squashfs = join(content, 'quantix/system.squashfs');
  await writeSquashfs(treeOf(...system), squashfs, { compression: QUICK, epoch: EPOCH });
  await run('mformat', ['-C', '-i', esp, '-T', '2048', '-h', '2', '-s', '16', '::']);
  await run('mcopy', ['-i', esp, join(content, 'boot/vmlinuz'), '::/BOOTX64.EFI']);
  await run('xorriso', [
    ...['-as', 'mkisofs', '-quiet', '-V', 'SMALL', '-iso-level', '3', '-rational-rock'],
    ...['-partition_offset', '16', '-append_partition', '2', '0xef', esp, '-appended_part_as_gpt'],
    ...['-o', iso, content],
  ]);
  return iso;
}

/**
 * Writes a raw disk with an ISO installed, as the build does for images in a disk format.
 * @returns path of the disk
 */
export async function writeSmallDisk(folder: string, iso: string): Promise<string> {
  const bootLoader = join(folder, 'loader');
  await mkdir(bootLoader);
  for (const name of ['BOOTX64.EFI', 'grub.cfg'])
    await writeFile(join(bootLoader, OF_DISK + name), '#');
  const disk = join(folder, 'disk.raw');
  await writeDiskImage(disk, {
    ...{ iso, labelPrefix: 'QVDC', bootLoader, epoch: EPOCH, slotBytes: 16 * MIB },
    trailer: {
      ...{ product: 'qvdc', version: '0.1.0', base: 'debian', architecture: 'x86_64' },
      ...{ buildId: '0123456789abcdef', sha256: sha256(await readFile(iso)) },
    },
  });
  return disk;
}
