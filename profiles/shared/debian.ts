/** What both appliances use of Debian, and what both leave out. */

export const suite = 'trixie';
export const components: ['main'] = ['main'];

export const busybox = 'busybox-static';

/** Init, services, log-in, time, certificates: needed by everything else. */
export const system = [
  'base-files',
  'bash',
  'busybox-static',
  'ca-certificates',
  'chrony',
  'dbus',
  'kbd',
  'libatomic1',
  'libstdc++6',
  'logrotate',
  'ncurses-base',
  'netbase',
  'openrc',
  'openssh-client',
  'openssh-server',
  'openssl',
  'procps',
  'tzdata',
];

export const network = [
  'ethtool',
  'iproute2',
  'iputils-arping',
  'iputils-ping',
  'iw',
  'nftables',
  'wpasupplicant',
];

/** Disks and file systems: for data partitions and for the installer. */
export const storage = [
  'dosfstools',
  'e2fsprogs',
  'gdisk',
  'parted',
  'smartmontools',
  'util-linux',
  'xfsprogs',
];

/** Boot loader: what the installer needs in addition to GRUB. */
export const bootLoader = ['efibootmgr'];

export const hardware = ['dmidecode', 'pciutils', 'usbutils'];

const OTHER_INIT = 'for another init system than OpenRC';
const SCRIPTS = 'only package scripts use it, and no package script is run';
const PERL = 'nothing on the appliance runs Perl';
const NO_OWN_KEYS = 'enrols keys of a machine’s owner; what is booted is signed by Debian';
const PYTHON = 'nothing on the appliance runs Python';

export const without = {
  adduser: SCRIPTS,
  coreutils: 'busybox has these programs',
  cron: 'periodic work is done by the agent and by busybox crond',
  debconf: SCRIPTS,
  debianutils: 'busybox has these programs',
  dpkg: 'packages are merged at build time; the image has no package manager',
  'init-system-helpers': SCRIPTS,
  insserv: 'runlevels are declared by the profile',
  'initramfs-tools': 'the builder makes the initramfs',
  'initramfs-tools-core': 'the builder makes the initramfs',
  'iso-codes': 'names of languages and countries, for menus that are not here',
  'gettext-base': 'consoles and logs are in English',
  kmod: 'busybox loads modules, from the text index that the builder writes',
  'linux-base': SCRIPTS,
  'lsb-base': 'services are OpenRC’s',
  mount: 'busybox has these programs',
  passwd: 'accounts are declared by the profile; busybox sets passwords',
  perl: PERL,
  python3: PYTHON,
  'python3-dbus': PYTHON,
  'runit-helper': 'services are OpenRC’s',
  'sensible-utils': SCRIPTS,
  systemd: OTHER_INIT,
  'sysvinit-utils': 'services are OpenRC’s; busybox has these programs',
  ucf: SCRIPTS,
  udev: 'busybox mdev makes device nodes',
};

/** Links that package scripts would have created. */
export const links = {
  '/etc/localtime': '/usr/share/zoneinfo/UTC',
  '/usr/bin/awk': 'mawk',
};

const BOOT_LOADER = 'on the medium, and there for the disk, too';
const DOCUMENTATION = 'documentation; it is on the project’s pages';

export const drop = {
  '/boot': 'kernel and initramfs are on the medium',
  '/etc/apparmor.d': 'AppArmor is not used',
  '/etc/cron.d': 'cron is not in the image',
  '/etc/cron.daily': 'cron is not in the image',
  '/etc/cron.weekly': 'cron is not in the image',
  '/etc/init.d': 'services are the appliance’s own, in overlay/',
  '/etc/rc*.d': OTHER_INIT,
  '/etc/runlevels': 'runlevels are declared by the profile',
  '/etc/sv': OTHER_INIT,
  '/etc/udev': 'udev is not in the image',
  '/usr/bin/c_rehash': PERL,
  '/usr/bin/routel': PYTHON,
  '/usr/bin/su': 'needs PAM; busybox has this program',
  '/usr/lib/grub/*-signed': BOOT_LOADER,
  '/usr/lib/openssh/ssh-keysign': 'set-uid, for host-based log-in, which is not used',
  '/usr/lib/shim': BOOT_LOADER,
  '/usr/lib/ssl/misc': PERL,
  '/usr/lib/*-linux-gnu/tc/q_atm.so': 'traffic control on ATM networks',
  '/usr/sbin/pam-auth-update': PERL,
  '/usr/sbin/pam_getenv': PERL,
  '/usr/sbin/unix_chkpwd': 'set-gid, for PAM in programs that do not run as root',
  '/usr/sbin/xfs_protofile': PYTHON,
  '/usr/sbin/xfs_scrub_all': PYTHON,
  '/usr/share/libgcrypt20': 'a script for Debian’s maintainers',
  '/usr/lib/rc/sh/runit.sh': OTHER_INIT,
  '/usr/lib/rc/sh/s6.sh': OTHER_INIT,
  '/usr/lib/rc/sh/rc-cgroup.sh': 'services have no control groups of their own',
  '/usr/lib/systemd': OTHER_INIT,
  '/usr/lib/tmpfiles.d': OTHER_INIT,
  '/usr/lib/sysusers.d': OTHER_INIT,
  '/usr/lib/udev': 'udev is not in the image',
  '/usr/lib/dracut': 'the builder makes the initramfs',
  '/usr/lib/modules-load.d': OTHER_INIT,
  '/usr/share/apport': 'crash reports go nowhere',
  '/usr/share/bash-completion': 'for interactive work that the appliance is not for',
  '/usr/share/bug': DOCUMENTATION,
  '/usr/share/doc': DOCUMENTATION,
  '/usr/share/doc-base': DOCUMENTATION,
  '/usr/share/gdb': 'for debugging, which is done elsewhere',
  '/usr/share/info': DOCUMENTATION,
  '/usr/share/initramfs-tools': 'the builder makes the initramfs',
  '/usr/share/lintian': 'for Debian’s own checks',
  '/usr/share/locale': 'consoles and logs are in English',
  '/usr/share/man': DOCUMENTATION,
  '/usr/share/reportbug': 'for Debian’s bug tracker',
  '/usr/share/zsh': 'zsh is not in the image',
};

/** Settings of each architecture, with the packages whose names differ between architectures. */
export const architectures = {
  x86_64: {
    kernel: { virt: 'linux-image-cloud-amd64', full: 'linux-image-amd64' },
    grub: ['grub-efi-amd64-bin', 'grub-pc-bin'],
    signed: ['grub-efi-amd64-signed', 'shim-signed'],
    without: {
      'grub2-common': 'programs that install GRUB; the installer puts it on a disk itself',
      mokutil: NO_OWN_KEYS,
      'shim-helpers-amd64-signed': NO_OWN_KEYS,
      'shim-signed-common': SCRIPTS,
    },
  },
  arm64: {
    kernel: { virt: 'linux-image-cloud-arm64', full: 'linux-image-arm64' },
    grub: ['grub-efi-arm64-bin'],
  },
};
