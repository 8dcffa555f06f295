import type { Flavour } from '../profile/profile.ts';

/** A boot menu; all GRUB configurations of an image are generated from it. */
export interface BootMenu {
  /** Seconds until the first entry is booted. */
  timeout: number;
  entries: readonly [BootEntry, ...BootEntry[]];
}

/** An entry of a boot menu. */
export interface BootEntry {
  /** Stable name for tests and for `--default`. */
  id: string;
  title: string;
  /** Path of the kernel on the medium. */
  kernel: string;
  /** Path of the initramfs on the medium. */
  initramfs: string;
  /** Kernel parameters, one word each. */
  cmdline: readonly string[];
}

/** Properties of an image that affect its boot menu. */
export interface BootMenuRequest {
  title: string;
  version: string;
  /** First part of the names of the appliance's own kernel parameters. */
  namespace: string;
  /** Kernel flavour; for `virt`, the titles mention what it is for. */
  flavour: Flavour;
  /** Kernel parameters of every entry. */
  cmdline: readonly string[];
}

export const KERNEL_PATH = '/boot/vmlinuz';
export const INITRAMFS_PATH = '/boot/initramfs';

/** Path on the medium of GRUB for BIOS. */
export const BIOS_IMAGE_PATH = '/boot/grub/bios.img';

/** A menu entry of an installed disk; the slot's name is inserted between title and remark. */
export type SlotEntry = BootEntry & { remark: string };

/** Entries of an image in the menu of a disk that it is installed on. */
export interface SlotMenu {
  first: SlotEntry;
  /** Further entries. */
  more: readonly SlotEntry[];
}

function nameOf({
  title,
  version,
  flavour,
}: Pick<BootMenuRequest, 'title' | 'version' | 'flavour'>): string {
  return `${title} ${version}${flavour === 'virt' ? ' for virtual machines with virtio' : ''}`;
}

/** Plans the entries of an image in the menu of a disk that it is installed on. */
export function planSlotMenu({ cmdline, namespace, ...named }: BootMenuRequest): SlotMenu {
  const entry = (id: string, remark: string, more: readonly string[]): SlotEntry => ({
    ...{ id, title: nameOf(named), remark, kernel: KERNEL_PATH, initramfs: INITRAMFS_PATH },
    cmdline: [...cmdline, ...more],
  });
  return {
    first: entry('', '', []),
    more: [
      entry('safe', '(safe graphics)', ['nomodeset']),
      entry('debug', '(verbose, with a shell if the boot fails)', [
        'loglevel=7',
        `${namespace}.debug`,
      ]),
    ],
  };
}

/** Plans the boot menu of a live image. */
export function planLiveMenu({ cmdline, namespace, ...named }: BootMenuRequest): BootMenu {
  const started = (
    mode: 'live' | 'install',
    id: string,
    name: string,
    more: readonly string[],
  ): BootEntry => ({
    ...{ id, title: name, kernel: KERNEL_PATH, initramfs: INITRAMFS_PATH },
    cmdline: [...cmdline, `${namespace}.mode=${mode}`, ...more],
  });
  const entry = started.bind(undefined, 'live');
  const name = nameOf(named);
  return {
    timeout: 3,
    entries: [
      entry('live', name, []),
      // No data disk is mounted, because it may be the disk that is installed to.
      started('install', 'install', `Install ${name} on a disk`, [`${namespace}.data=none`]),
      entry('toram', `${name} (copied to memory; the medium can be removed)`, [
        `${namespace}.toram`,
      ]),
      entry('safe', `${name} (safe graphics)`, ['nomodeset']),
      entry('debug', `${name} (verbose, with a shell if the boot fails)`, [
        'loglevel=7',
        `${namespace}.debug`,
      ]),
    ],
  };
}
