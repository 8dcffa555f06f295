import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import {
  ARCHITECTURE_NAMES,
  ARCHITECTURES,
  type Architecture,
  type ArchitectureName,
  DEFAULT_ARCHITECTURE,
} from '../architecture.ts';
import { BASE_NAMES, BASES, type BaseName } from '../bases.ts';
import { isRoot } from '../process/environment.ts';
import { TOOL_PACKAGES, type Tool } from '../process/tools.ts';

/** A program on PATH or a file that must exist on the host, and the Debian package that contains it. */
export interface Requirement {
  /** Name of the program, or absolute path of the file. */
  name: string;
  /** Debian package. */
  package: string;
}

const tool = (name: Tool): Requirement => ({ name, package: TOOL_PACKAGES[name] });
const file = (name: string, from: string): Requirement => ({ name, package: from });

/** Returns the requirements for writing a profile's lock for a base. */
export function lockRequirements(base: BaseName): readonly Requirement[] {
  const { resolve, files } = BASES[base].host;
  return [...resolve.map(tool), ...Object.entries(files).map(([path, from]) => file(path, from))];
}

/** Returns the requirements for using the packages of a base in a build. */
export function listBaseRequirements(base: BaseName): readonly Requirement[] {
  return [...lockRequirements(base), ...BASES[base].host.open.map(tool)];
}

/** Requirements for building any image. */
const BUILD_REQUIREMENTS: readonly Requirement[] = [
  tool('flock'),
  tool('mksquashfs'),
  ...(isRoot() ? [] : [tool('fakeroot')]),
  tool('grub-mkimage'),
  tool('mformat'),
  tool('mcopy'),
  tool('xorriso'),
  tool('xz'),
];

/** Returns the requirements for building an image of an architecture, in addition to those of its base. */
export function buildRequirements(architecture: ArchitectureName): readonly Requirement[] {
  return [...BUILD_REQUIREMENTS, tool(ARCHITECTURES[architecture].strip)];
}

/** Requirements for converting an image to a format of qemu-img(1). */
export const LAYOUT_REQUIREMENTS: readonly Requirement[] = [tool('qemu-img')];

/** Additional requirements for a release, which is built from a commit. */
export const RELEASE_REQUIREMENTS: readonly Requirement[] = [tool('git')];

/** Returns the requirements for booting an image of an architecture. */
export function listQemuRequirements(architecture: ArchitectureName): readonly Requirement[] {
  const { program, firmware } = ARCHITECTURES[architecture].qemu;
  return [tool(program), file(firmware.code, firmware.package)];
}

/** Requirements for running the control plane from the sources; the image's service scripts need busybox. */
export const CONTROL_PLANE_REQUIREMENTS: readonly Requirement[] = [
  file('/bin/busybox', 'busybox-static'),
  { name: 'etcd', package: 'etcd-server' },
  { name: 'pg_ctlcluster', package: 'postgresql' },
  { name: 'redis-server', package: 'redis-server' },
];

/** Additional requirements for the tests, which build and boot images of every architecture. */
export const TEST_REQUIREMENTS: readonly Requirement[] = [
  ...BASE_NAMES.flatMap(listBaseRequirements),
  ...ARCHITECTURE_NAMES.flatMap(buildRequirements),
  ...ARCHITECTURE_NAMES.flatMap(listQemuRequirements),
  ...LAYOUT_REQUIREMENTS,
  ...RELEASE_REQUIREMENTS,
  ...CONTROL_PLANE_REQUIREMENTS,
  ...grubModules(ARCHITECTURES[DEFAULT_ARCHITECTURE]),
  // For rebuilding a release as a user other than root.
  tool('fakeroot'),
  tool('shellcheck'),
  tool('unsquashfs'),
  { name: 'curl', package: 'curl' },
  { name: 'ip', package: 'iproute2' },
  { name: 'arping', package: 'iputils-arping' },
  { name: 'dnsmasq', package: 'dnsmasq-base' },
  { name: 'nft', package: 'nftables' },
  // Gives apt a wrong clock.
  { name: 'faketime', package: 'faketime' },
  { name: 'strace', package: 'strace' },
  // For keys that sign test archives.
  { name: 'gpg', package: 'gpg' },
  { name: 'gpgconf', package: 'gpgconf' },
  { name: 'gpg-agent', package: 'gpg-agent' },
  { name: 'ssh', package: 'openssh-client' },
  { name: 'minisign', package: 'minisign' },
  { name: 'openssl', package: 'openssl' },
  // A certificate authority for ACME.
  { name: 'pebble', package: 'pebble' },
  { name: 'xmllint', package: 'libxml2-utils' },
  { name: 'zstd', package: 'zstd' },
  { name: 'virsh', package: 'libvirt-clients' },
  // The daemon itself, with its driver for emulated virtual machines; only tests start it.
  { name: 'libvirtd', package: 'libvirt-daemon' },
];

/** Additional requirements for the tests of the Docker builder; without them these tests are skipped. */
export const DOCKER_TEST_REQUIREMENTS: readonly Requirement[] = [
  { name: 'dockerd', package: 'docker.io' },
  { name: 'mmdebstrap', package: 'mmdebstrap' },
];

/** GRUB's modules on the host, for tests that make boot loaders without packages. */
function grubModules({ uefi, bios }: Architecture): Requirement[] {
  return [uefi, ...(bios === undefined ? [] : [bios])].map((platform) =>
    file(`/usr/lib/grub/${platform.grub}/kernel.img`, platform.package),
  );
}

/** Returns the requirements that this host does not meet. */
export function listMissing(requirements: readonly Requirement[]): Requirement[] {
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
