import { QEMU_PACKAGES, STRIP_PACKAGES } from '../architecture.ts';
import { BASE_TOOL_PACKAGES } from '../bases.ts';

/** Host tool that the toolchain or a test runs → Debian package that contains it. */
export const TOOL_PACKAGES = {
  docker: 'docker.io',
  ldd: 'libc-bin',
  'grub-mkimage': 'grub-common',
  fakeroot: 'fakeroot',
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
  ...BASE_TOOL_PACKAGES,
  ...QEMU_PACKAGES,
  ...STRIP_PACKAGES,
} as const;

/** First arguments of tools, which keep them from reading the host's configuration files. */
export const ISOLATING_ARGUMENTS: Readonly<Partial<Record<Tool, readonly string[]>>> = {
  xorriso: ['-no_rc'],
};

/** A host tool that the toolchain may run. */
export type Tool = keyof typeof TOOL_PACKAGES;
