/** Debian package that brings each host tool which a build, a test or `make qemu` runs. */
export const TOOL_PACKAGES = {
  'apt-cache': 'apt',
  'apt-get': 'apt',
  'dpkg-deb': 'dpkg',
  'grub-mkimage': 'grub-common',
  fakeroot: 'fakeroot',
  mcopy: 'mtools',
  mdir: 'mtools',
  mformat: 'mtools',
  mksquashfs: 'squashfs-tools',
  mmd: 'mtools',
  mtype: 'mtools',
  'qemu-system-x86_64': 'qemu-system-x86',
  shellcheck: 'shellcheck',
  unsquashfs: 'squashfs-tools',
  xorriso: 'xorriso',
} as const;

/** A host tool the toolchain may run. */
export type Tool = keyof typeof TOOL_PACKAGES;
