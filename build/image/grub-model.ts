import type { Flavour } from '../profile/profile.ts';

/** A boot menu, from which every GRUB configuration of an image is written. */
export interface BootMenu {
  /** Seconds until the first entry is booted. */
  timeout: number;
  entries: readonly [BootEntry, ...BootEntry[]];
}

/** One line of the boot menu. */
export interface BootEntry {
  /** Stable name, for tests and for `--default`. */
  id: string;
  title: string;
  /** Path of the kernel on the medium. */
  kernel: string;
  /** Path of the initramfs on the medium. */
  initramfs: string;
  /** Kernel parameters, one word each. */
  cmdline: readonly string[];
}

/** What distinguishes an image's boot menu. */
export interface BootMenuRequest {
  title: string;
  version: string;
  /** Kernel of the image; the menu says what the one of `virt` is for. */
  flavour: Flavour;
  /** Kernel parameters of every entry. */
  cmdline: readonly string[];
}

export const KERNEL_PATH = '/boot/vmlinuz';
export const INITRAMFS_PATH = '/boot/initramfs';

/** The boot menu of a live image. */
export function liveBootMenu({ title, version, flavour, cmdline }: BootMenuRequest): BootMenu {
  const entry = (id: string, name: string, more: readonly string[]): BootEntry => ({
    id,
    title: name,
    kernel: KERNEL_PATH,
    initramfs: INITRAMFS_PATH,
    cmdline: [...cmdline, 'quantix.mode=live', ...more],
  });
  const name = `${title} ${version}${flavour === 'virt' ? ' for virtual machines with virtio' : ''}`;
  return {
    timeout: 3,
    entries: [
      entry('live', name, []),
      entry('toram', `${name} (copied to memory; the medium can be removed)`, ['quantix.toram']),
      entry('safe', `${name} (safe graphics)`, ['nomodeset']),
      entry('debug', `${name} (verbose, with a shell if the boot fails)`, [
        'loglevel=7',
        'quantix.debug',
      ]),
    ],
  };
}
