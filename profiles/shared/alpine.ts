/**
 * What both appliances use of Alpine, and what both leave out. Package names are those of the branch `release`. Service
 * scripts are not those of packages: the appliances have their own in overlay/, which are the same on both bases.
 */
import { keys } from './alpine-keys.ts';

export const release = 'v3.24';
export const repositories: ['main', 'community'] = ['main', 'community'];

/** The content delivery network first, then two well-known full mirrors. */
const mirrors = [
  'https://dl-cdn.alpinelinux.org/alpine',
  'https://mirrors.edge.kernel.org/alpine',
  'https://ftp.halifax.rwth-aachen.de/alpine',
];

const busybox = 'busybox-static';

/** Repositories and mirrors, the same for both appliances. */
export const source = { release, repositories, mirrors, busybox };

/** Settings of each architecture: kernels, packages of GRUB, and the keys that sign packages. */
export const architectures = {
  x86_64: {
    kernel: { virt: 'linux-virt', full: 'linux-lts' },
    grub: ['grub-bios', 'grub-efi'],
    keys,
  },
};

/** Init, services, log-in, time, certificates: needed by everything else. */
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
  'logrotate',
  'ncurses-terminfo-base',
  'nodejs',
  'openrc',
  'openssh-client-default',
  'openssh-server',
  'openssh-sftp-server',
  'openssl',
  'procps-ng',
  'tzdata',
];

export const network = ['ethtool', 'iproute2', 'iputils', 'iw', 'nftables', 'wpa_supplicant'];

/**
 * Disks and file systems: for data partitions and the installer. Of util-linux, only the programs that busybox lacks.
 */
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

/** Boot loader: what the installer needs in addition to GRUB. */
export const bootLoader = ['efibootmgr'];

/**
 * Firmware that wired network cards of servers cannot work without, a few megabytes; one of these packages also
 * satisfies `linux-firmware-any`, which `linux-lts` depends on.
 */
const firmware = [
  'linux-firmware-bnx2',
  'linux-firmware-bnx2x',
  'linux-firmware-rtl_nic',
  'linux-firmware-tigon',
];

export const hardware = ['dmidecode', 'pciutils', 'usbutils', ...firmware];

/** Links that package scripts would have created. */
export const links = { '/etc/localtime': '/usr/share/zoneinfo/UTC' };

const PYTHON = 'nothing on the appliance runs Python';
const NO_UDEV = 'udev is not in the image; busybox mdev makes device nodes';
const NO_CRON = 'cron is not in the image';
const NO_APK = 'packages are merged at build time; the image has no package manager';
const INITRAMFS = 'the builder makes the initramfs';
const MODULES = 'busybox loads modules, from the text index that the builder writes';

/** Drops programs from every program folder of a merged `/usr`. */
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
  '/etc/ssl/misc': 'nothing on the appliance runs Perl',
  '/etc/udev': NO_UDEV,
  '/usr/lib/libpython3*': PYTHON,
  '/usr/lib/mdev': 'scripts of another mdev.conf',
  '/usr/lib/python3*': PYTHON,
  '/usr/lib/sysctl.d': 'kernel settings are the appliance’s own, in /etc/sysctl.d',
  '/usr/lib/udev': NO_UDEV,
  '/usr/bin/node': 'it is in the executable of the programs',
  '/usr/libexec/dbus-daemon-launch-helper': 'set-uid; OpenRC starts services, not D-Bus',
  '/usr/share/mkinitfs': INITRAMFS,
  '/var/log/chrony': 'the service chronyd makes it, for its own account',
  '/var/spool/cron': NO_CRON,
};

const ACCOUNTS = 'makes accounts, which the profile declares';
const DROPPED_INITRAMFS = 'makes an initramfs when a kernel comes; the builder makes it';
const UDEV = 'is for udev, which is not in the image';

/**
 * Packages of both appliances with scripts that apk would run, and why it is correct not to run them. Hashes are those
 * of the scripts in Alpine 3.19. An entry without hash has its reason from Alpine's sources
 * (https://gitlab.alpinelinux.org/alpine/aports); the package's script itself has not been reviewed.
 * `make lock BASE=alpine` lists entries that do not match.
 */
export const scripts = {
  'alpine-baselayout': {
    reason:
      'makes the group shadow and gives it /etc/shadow, which `finish` does; starts containers of a kind long gone',
    sha256: {
      'pre-install': '28ecff91a36f438ca26bc8cc08d857863378aa94eab399a1f413e52501b86f85',
      'post-install': '0c5c2575e764207c0858ba07fc0e82d09c10a2a43eebe542a5a6df6437ec2895',
    },
  },
  bash: { reason: 'adds itself to /etc/shells, which only chsh and FTP servers read' },
  busybox: {
    reason: 'makes the links of its applets and the module index; `finish` makes both',
    sha256: {
      'post-install': '3927be853572aec31eeb44e10e876a9a7c4a39454796bcd7b59f1372033f12ac',
      trigger: '0d63b08ed79c5a2348548852c9674c5c947abe2c97691162bd94a887ebd7d1f0',
    },
  },
  'ca-certificates': {
    reason: 'makes the bundle of certificates anew; `finish` does',
    sha256: { trigger: '2305936620ac8c79e6dfa9f1dec27626d99121f2ff64c7dca8bc061bacbb02c3' },
  },
  chrony: {
    reason: ACCOUNTS,
    sha256: { 'pre-install': '06298ac6a19a24bfed58e1d2bd213e65df73854d7847e832f3f9b33f946f3d52' },
  },
  'chrony-common': { reason: ACCOUNTS },
  dbus: { reason: `${ACCOUNTS}, and a machine id, which the service dbus makes at each boot` },
  'device-mapper-udev': { reason: UDEV },
  dnsmasq: { reason: ACCOUNTS },
  'dnsmasq-common': { reason: ACCOUNTS },
  eudev: {
    reason: UDEV,
    sha256: { trigger: '104ae036a067c31b743544e7c19815579673387cf1fc4724db6e75774358333b' },
  },
  grub: { reason: 'writes a menu when a kernel comes; the builder writes it' },
  'icu-data-en': { reason: 'says that there is a larger package, and does nothing' },
  kmod: { reason: 'writes the module index; `finish` does, for busybox' },
  mkinitfs: { reason: DROPPED_INITRAMFS },
  openrc: {
    reason: 'takes services over from runlevels of 2007; the profile declares runlevels',
    sha256: { 'post-install': 'a935c65bdeecad83c43e1ed066590c8d039d3fb7a8235d1227ce3ce50c7ed19b' },
  },
  rpcbind: { reason: ACCOUNTS },
};
