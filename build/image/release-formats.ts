import { ARCHITECTURES, type ArchitectureName } from '../architecture.ts';
import { BuildError } from '../error.ts';
import type { ReleaseFile } from '../release/release-files.ts';

/** A format of an image in a release. */
export interface ReleaseFormat {
  kind: ReleaseFile['kind'];
  /** What it is made from: the ISO, a disk with the ISO installed, the parts of the ISO, or the root filesystem. */
  from: 'iso' | 'disk' | 'parts' | 'rootfs';
  /** Suffix of its file name, after the name of the image. */
  ending: string;
  /** Whether it is for VMware, which does not support every architecture. */
  forVmware?: boolean;
}

/** Names of all release formats, as in `--format`. */
export const RELEASE_FORMAT_NAMES = [
  'iso',
  'raw.zst',
  'qcow2',
  'vmdk',
  'ova',
  'netboot',
  'rootfs',
  'oci',
] as const;

export type ReleaseFormatName = (typeof RELEASE_FORMAT_NAMES)[number];

/** All release formats. */
export const RELEASE_FORMATS: Readonly<Record<ReleaseFormatName, ReleaseFormat>> = {
  iso: { kind: 'iso', from: 'iso', ending: '.iso' },
  'raw.zst': { kind: 'raw', from: 'disk', ending: '.raw.zst' },
  qcow2: { kind: 'qcow2', from: 'disk', ending: '.qcow2' },
  vmdk: { kind: 'vmdk', from: 'disk', ending: '.vmdk', forVmware: true },
  ova: { kind: 'ova', from: 'disk', ending: '.ova', forVmware: true },
  netboot: { kind: 'netboot', from: 'parts', ending: '-netboot.tar' },
  rootfs: { kind: 'rootfs', from: 'rootfs', ending: '-rootfs.tar' },
  oci: { kind: 'oci', from: 'rootfs', ending: '-oci.tar' },
};

/**
 * Returns the formats of a release for an architecture, in the order of `RELEASE_FORMAT_NAMES`. The ISO is always
 * included: installations and updates use its bytes.
 * @param asked formats that the user asked for; if empty, all that the architecture supports
 * @throws BuildError if the architecture does not support one that was asked for
 */
export function chooseFormats(
  asked: readonly ReleaseFormatName[],
  architecture: ArchitectureName,
): ReleaseFormatName[] {
  const onVmware = ARCHITECTURES[architecture].vmware !== undefined;
  const has = (name: ReleaseFormatName) => onVmware || RELEASE_FORMATS[name].forVmware !== true;
  const lacking = asked.find((name) => !has(name));
  if (lacking !== undefined) {
    throw new BuildError({
      what: `the format ${lacking} is not made for ${architecture}: its images are not made for VMware`,
      fix: 'Leave it out, or choose another architecture.',
    });
  }
  const wanted = new Set<ReleaseFormatName>(asked.length === 0 ? RELEASE_FORMAT_NAMES : asked);
  return RELEASE_FORMAT_NAMES.filter((name) => name === 'iso' || (wanted.has(name) && has(name)));
}

/**
 * Returns the path of an image in a format.
 * @param iso path of its ISO
 */
export function formatPath(iso: string, format: ReleaseFormatName): string {
  return iso.replace(/\.iso$/, RELEASE_FORMATS[format].ending);
}
