import { readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { BuildError } from '../error.ts';
import { run } from '../process/run.ts';
import type { Medium } from './machine.ts';

const [KERNEL, INITRAMFS, MENU] = ['/boot/vmlinuz', '/boot/initramfs', '/boot/grub/grub.cfg'];

/**
 * Extracts the kernel, the initramfs and the parameters of the first menu entry from an ISO, so that a machine can boot
 * the ISO without firmware and boot loader, with additional parameters.
 * @param directory output folder for kernel and initramfs
 * @returns function that returns the medium for some additional kernel parameters
 * @throws BuildError if the ISO has no such files
 */
export async function extractDirectBoot(
  directory: string,
  iso: string,
): Promise<(more: string) => Medium> {
  const place = (path: string) => join(directory, basename(path));
  const extracts = [KERNEL, INITRAMFS, MENU].flatMap((path) => ['-extract', path, place(path)]);
  await run('xorriso', ['-osirrox', 'on', '-indev', iso, ...extracts]);
  const [, cmdline] = /^\s*linux \S+ (.*)$/m.exec(await readFile(place(MENU), 'utf8')) ?? [];
  if (cmdline === undefined) {
    throw new BuildError({ what: 'the boot menu of the ISO starts no kernel', where: iso });
  }
  return (more) => ({
    as: 'kernel',
    kernel: place(KERNEL),
    initramfs: place(INITRAMFS),
    cmdline: `${cmdline} ${more}`.trim(),
    cdrom: iso,
  });
}
