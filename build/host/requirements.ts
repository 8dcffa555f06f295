import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { isRoot } from '../process/environment.ts';
import { TOOL_PACKAGES, type Tool } from '../process/tools.ts';

/** Something that must be on the host: a program on PATH or a file, and the Debian package that brings it. */
export interface Requirement {
  /** Name of the program, or absolute path of the file. */
  name: string;
  /** Debian package. */
  package: string;
}

const tool = (name: Tool): Requirement => ({ name, package: TOOL_PACKAGES[name] });
const file = (name: string, from: string): Requirement => ({ name, package: from });

/** What building an image needs. */
export const BUILD_REQUIREMENTS: readonly Requirement[] = [
  tool('apt-get'),
  tool('dpkg-deb'),
  tool('mksquashfs'),
  ...(isRoot() ? [] : [tool('fakeroot')]),
  tool('grub-mkimage'),
  file('/usr/lib/grub/i386-pc/boot_hybrid.img', 'grub-pc-bin'),
  file('/usr/lib/grub/x86_64-efi/kernel.img', 'grub-efi-amd64-bin'),
  tool('mformat'),
  tool('mcopy'),
  tool('xorriso'),
  tool('strip'),
  file('/usr/share/keyrings/debian-archive-keyring.gpg', 'debian-archive-keyring'),
];

/** What booting an image needs. */
export const QEMU_REQUIREMENTS: readonly Requirement[] = [
  tool('qemu-system-x86_64'),
  file('/usr/share/OVMF/OVMF_CODE_4M.fd', 'ovmf'),
];

/** What the tests need besides. */
export const TEST_REQUIREMENTS: readonly Requirement[] = [
  tool('shellcheck'),
  tool('unsquashfs'),
  file('/bin/busybox', 'busybox-static'),
  { name: 'ip', package: 'iproute2' },
  { name: 'arping', package: 'iputils-arping' },
  { name: 'dnsmasq', package: 'dnsmasq-base' },
  { name: 'faketime', package: 'faketime' },
  { name: 'strace', package: 'strace' },
  { name: 'ssh', package: 'openssh-client' },
  { name: 'openssl', package: 'openssl' },
  { name: 'virsh', package: 'libvirt-clients' },
  // The daemon itself, with its driver of virtual virtual machines; started by nobody but the tests.
  { name: 'libvirtd', package: 'libvirt-daemon' },
];

/** The requirements that this host does not meet. */
export function missing(requirements: readonly Requirement[]): Requirement[] {
  return requirements.filter(({ name }) => !present(name));
}

function present(name: string): boolean {
  if (name.startsWith('/')) return accessible(name, constants.R_OK);
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/sbin'];
  return folders.some((folder) => accessible(join(folder, name), constants.X_OK));
}

function accessible(path: string, mode: number): boolean {
  try {
    accessSync(path, mode);
    return true;
  } catch {
    return false;
  }
}
