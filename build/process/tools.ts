import { QEMU_PACKAGES, STRIP_PACKAGES } from '../architecture.ts';

/** Debian package that brings each host tool which the toolchain or a test runs. */
export const TOOL_PACKAGES = {
  '/usr/lib/apt/apt-helper': 'apt',
  'apt-cache': 'apt',
  'apt-config': 'apt',
  'apt-get': 'apt',
  docker: 'docker.io',
  dpkg: 'dpkg',
  'dpkg-deb': 'dpkg',
  ldd: 'libc-bin',
  'grub-mkimage': 'grub-common',
  fakeroot: 'fakeroot',
  flock: 'util-linux',
  git: 'git',
  mcopy: 'mtools',
  mdir: 'mtools',
  mformat: 'mtools',
  mksquashfs: 'squashfs-tools',
  mmd: 'mtools',
  mtype: 'mtools',
  'qemu-img': 'qemu-utils',
  shellcheck: 'shellcheck',
  unsquashfs: 'squashfs-tools',
  xorriso: 'xorriso',
  xz: 'xz-utils',
  ...QEMU_PACKAGES,
  ...STRIP_PACKAGES,
} as const;

/** Arguments that come before all others: they keep a tool from reading configuration files of the host. */
export const ISOLATING_ARGUMENTS: Readonly<Partial<Record<Tool, readonly string[]>>> = {
  xorriso: ['-no_rc'],
};

/** A host tool the toolchain may run. */
export type Tool = keyof typeof TOOL_PACKAGES;
