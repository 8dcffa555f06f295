/**
 * What both appliances take from Alpine, and what both leave out. Names are those of the branch below; services are
 * not taken from packages: the appliance has its own, in overlay/, which are the same on both bases.
 */
import { keys } from './alpine-keys.ts';
import { node } from './alpine-node.ts';

export const release = 'v3.24';
export const repositories: ['main', 'community'] = ['main', 'community'];

/** The content network first, then two well-known full mirrors. */
const mirrors = [
  'https://dl-cdn.alpinelinux.org/alpine',
  'https://mirrors.edge.kernel.org/alpine',
  'https://ftp.halifax.rwth-aachen.de/alpine',
];

const busybox = 'busybox-static';

/** Where packages come from: the same for both appliances. */
export const source = { release, repositories, mirrors, busybox };

/** What there is for one architecture only: the kernel, who signs its packages, and the Node that programs run on. */
export const architectures = {
  x86_64: {
    kernel: { virt: 'linux-virt', full: 'linux-lts' },
    grub: ['grub-bios', 'grub-efi'],
    keys,
    node,
  },
};

/** Init, services, log-in, time, certificates: the ground that everything else stands on. */
export const system = [
  'alpine-baselayout',
  'bash',
  'busybox',
  'busybox-binsh',
  'busybox-ifupdown',
  'busybox-static',
  'ca-certificates-bundle',
  'chrony',
  'dbus',
  'kbd',
  'libatomic',
  'libstdc++',
  'logrotate',
  'ncurses-terminfo-base',
  'openrc',
  'openssh-client-default',
  'openssh-server',
  'openssh-sftp-server',
  'openssl',
  'procps-ng',
  'tzdata',
];

export const network = ['ethtool', 'iproute2', 'iputils', 'iw', 'nftables', 'wpa_supplicant'];

/** Disks and file systems: for data partitions, and for the installer. Of util-linux only what busybox lacks. */
export const storage = [
  'blkid',
  'dosfstools',
  'e2fsprogs',
  'e2fsprogs-extra',
  'findmnt',
  'gptfdisk',
  'losetup',
  'lsblk',
  'parted',
  'partx',
  'sfdisk',
  'sgdisk',
  'smartmontools',
  'util-linux-misc',
  'wipefs',
  'xfsprogs',
];

/** Boot loader: what the installer puts on a disk, besides the GRUB of the architecture. */
export const bootLoader = ['efibootmgr'];

/**
 * Of the kernel's firmware only what wired network cards of servers do not work without, a few megabytes; one of these
 * is also what `linux-lts` asks for with `linux-firmware-any`.
 */
const firmware = [
  'linux-firmware-bnx2',
  'linux-firmware-bnx2x',
  'linux-firmware-rtl_nic',
  'linux-firmware-tigon',
];

export const hardware = ['dmidecode', 'pciutils', 'usbutils', ...firmware];

/** Links that package scripts would have made. */
export const links = { '/etc/localtime': '/usr/share/zoneinfo/UTC' };

const PYTHON = 'nothing on the appliance runs Python';
const NO_UDEV = 'udev is not in the image; busybox mdev makes device nodes';
const NO_CRON = 'cron is not in the image';
const NO_APK = 'packages are merged at build time; the image has no package manager';
const INITRAMFS = 'the builder makes the initramfs';
const MODULES = 'busybox loads modules, from the text index that the builder writes';

/** Programs that stay out, wherever in a merged `/usr` they are. */
export function programs(names: readonly string[], reason: string): Record<string, string> {
  const paths = names.flatMap((name) => [`/usr/bin/${name}`, `/usr/sbin/${name}`]);
  return Object.fromEntries(paths.map((path) => [path, reason]));
}

export const drop = {
  ...programs(['apk'], NO_APK),
  ...programs(['bootchartd', 'mkinitfs', 'nlplug-findfs', 'lddtree'], INITRAMFS),
  ...programs(['depmod', 'insmod', 'kmod', 'lsmod', 'modinfo', 'modprobe', 'rmmod'], MODULES),
  ...programs(['udevadm', 'udevd', 'setup-udev'], NO_UDEV),
  ...programs(['idle3', 'lsusb.py', 'pydoc3*', 'python', 'python3*', 'routel', '2to3*'], PYTHON),
  '/boot': 'kernel and initramfs are on the medium',
  '/etc/apk/commit_hooks.d': NO_APK,
  '/etc/conf.d': 'settings of services that are not used',
  '/etc/crontabs': NO_CRON,
  '/etc/grub.d': 'the builder writes the menu of the boot loader',
  '/etc/init.d': 'services are the appliance’s own, in overlay/',
  '/etc/mkinitfs': INITRAMFS,
  '/etc/motd': 'the greeting of another system',
  '/etc/network': 'the network is configured by one program, from its own files',
  '/etc/periodic': NO_CRON,
  '/etc/runlevels': 'runlevels are declared by the profile',
  '/etc/udev': NO_UDEV,
  '/usr/lib/libpython3*': PYTHON,
  '/usr/lib/mdev': 'scripts of another mdev.conf',
  '/usr/lib/python3*': PYTHON,
  '/usr/lib/sysctl.d': 'kernel settings are the appliance’s own, in /etc/sysctl.d',
  '/usr/lib/udev': NO_UDEV,
  '/usr/libexec/dbus-daemon-launch-helper': 'set-uid; OpenRC starts services, not D-Bus',
  '/usr/share/mkinitfs': INITRAMFS,
  '/var/spool/cron': NO_CRON,
};

const ACCOUNTS = 'makes accounts, which the profile declares';
const UPGRADE = 'changes what an older version left behind; an image is never upgraded in place';
const DROPPED_INITRAMFS = 'makes an initramfs when a kernel comes; the builder makes it';
const UDEV = 'is for udev, which is not in the image';

/**
 * Packages of both appliances that have scripts, and why not running them is right, from Alpine's sources
 * (https://gitlab.alpinelinux.org/alpine/aports). A package with a script that is not named here stops the build.
 */
export const scripts = {
  'alpine-baselayout': 'makes the group shadow and gives it /etc/shadow; `finish` writes both',
  bash: 'adds itself to /etc/shells, which only chsh and FTP servers read',
  busybox: 'makes the links of its applets and the module index; `finish` makes both',
  chrony: UPGRADE,
  'chrony-common': ACCOUNTS,
  dbus: `${ACCOUNTS}, and a machine id, which the service dbus makes at each boot`,
  'device-mapper-udev': UDEV,
  dnsmasq: ACCOUNTS,
  'dnsmasq-common': ACCOUNTS,
  eudev: UDEV,
  grub: 'writes a menu when a kernel comes; the builder writes it',
  iproute2: UPGRADE,
  kmod: 'writes the module index; `finish` does, for busybox',
  logrotate: UPGRADE,
  mkinitfs: DROPPED_INITRAMFS,
  nftables: UPGRADE,
  openrc: 'puts services into runlevels of an older system; the profile declares runlevels',
  'openssh-server':
    'restarts a running server after an upgrade; an image is never upgraded in place',
  rpcbind: ACCOUNTS,
  'util-linux-misc': UPGRADE,
};
