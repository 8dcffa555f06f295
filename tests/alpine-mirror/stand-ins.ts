import type { PackageRecipe } from './recipe.ts';

/** Debian's name → Alpine's, for packages that the builder reads by their name. */
export const RENAMED: Readonly<Record<string, string>> = {
  'grub-efi-amd64-bin': 'grub-efi',
  'grub-pc-bin': 'grub-bios',
};

/** Alpine's name → Debian's packages with the same contents; for exceptions see `MADE_ANEW`. */
const COUNTERPARTS: Readonly<Record<string, readonly string[]>> = {
  blkid: ['util-linux'],
  'busybox-ifupdown': [],
  dnsmasq: ['dnsmasq-base'],
  'e2fsprogs-extra': ['e2fsprogs', 'logsave'],
  etcd: ['etcd-server'],
  'etcd-ctl': ['etcd-client'],
  findmnt: ['util-linux'],
  gptfdisk: ['gdisk'],
  iputils: ['iputils-arping', 'iputils-ping'],
  libatomic: ['libatomic1'],
  'libstdc++': ['libstdc++6'],
  libvirt: ['libvirt0'],
  'libvirt-client': ['libvirt', 'libvirt-clients'],
  'libvirt-qemu': [
    'libvirt-daemon-driver-interface',
    'libvirt-daemon-driver-network',
    'libvirt-daemon-driver-nodedev',
    'libvirt-daemon-driver-nwfilter',
    'libvirt-daemon-driver-qemu',
    'libvirt-daemon-driver-secret',
    'libvirt-daemon-driver-storage-disk',
    'libvirt-daemon-driver-storage-iscsi',
    'libvirt-daemon-driver-storage-logical',
    'libvirt-daemon-driver-storage-mpath',
    'libvirt-daemon-driver-storage-scsi',
  ],
  'linux-firmware-bnx2': [],
  'linux-firmware-bnx2x': [],
  'linux-firmware-rtl_nic': [],
  'linux-firmware-tigon': [],
  'linux-virt': ['initramfs-generator'],
  losetup: ['util-linux'],
  lsblk: ['util-linux'],
  mkinitfs: ['busybox'],
  'ncurses-terminfo-base': ['ncurses-base'],
  'nfs-utils': ['nfs-common'],
  'openssh-client-default': ['openssh-client'],
  partx: ['util-linux'],
  'postgresql18-contrib': ['postgresql18'],
  'procps-ng': ['procps'],
  'qemu-hw-display-virtio-vga': ['qemu-system-common'],
  'qemu-hw-usb-host': ['qemu-system-common'],
  'qemu-img': ['qemu-utils'],
  'qemu-system-x86_64': ['qemu-system-x86'],
  redis: ['redis-server'],
  sfdisk: ['util-linux'],
  sgdisk: ['gdisk'],
  'util-linux-misc': ['util-linux', 'uuid-runtime'],
  wipefs: ['util-linux'],
  wpa_supplicant: ['wpasupplicant'],
};

/** Fields of some stand-ins, in addition to dependencies. */
const MORE: Readonly<Record<string, Partial<PackageRecipe>>> = {
  'busybox-ifupdown': { provides: ['ifupdown-any'], providerPriority: 200 },
  'linux-firmware-bnx2': { provides: ['linux-firmware-any'], providerPriority: 1 },
  mkinitfs: {
    provides: ['initramfs-generator'],
    providerPriority: 900,
    triggers: ['/lib/modules/*'],
  },
};

/** Names that no copy of a Debian package has: a package that is made for the mirror has or provides each of them. */
const MADE_ANEW = new Set(['busybox', 'initramfs-generator', 'linux-firmware-any', 'postgresql18']);

/** Names that Alpine has in its second repository. */
const COMMUNITY = new Set([
  ...[
    'etcd',
    'etcd-ctl',
    'libvirt',
    'libvirt-client',
    'libvirt-daemon',
    'libvirt-qemu',
    'nvme-cli',
  ],
  ...['ovmf', 'qemu-hw-display-virtio-vga', 'qemu-hw-usb-host'],
  ...['qemu-img', 'qemu-system-x86', 'qemu-system-x86_64', 'qemu-utils', 'redis'],
]);

/** Returns the repository of a package. */
export function repositoryOf(name: string): 'main' | 'community' {
  return COMMUNITY.has(name) ? 'community' : 'main';
}

/**
 * Returns packages without files, for Alpine's names that differ from Debian's; each depends on the packages it stands
 * for.
 * @param have names of the existing packages; dependencies on others are left out
 */
export function standIns(have: ReadonlySet<string>): PackageRecipe[] {
  const there = (name: string): boolean =>
    have.has(name) || MADE_ANEW.has(name) || (COUNTERPARTS[name]?.some(there) ?? false);
  return Object.entries(COUNTERPARTS).flatMap(([name, counterparts]) => {
    const depends = counterparts.filter(there);
    if (have.has(name) || (counterparts.length > 0 && depends.length === 0)) return [];
    const description = `Stands for ${depends.join(', ') || 'nothing'}`;
    return { name, version: '1.0-r0', description, depends, ...MORE[name] };
  });
}
