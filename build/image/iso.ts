import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { ARCHITECTURES, type Architecture } from '../architecture.ts';
import { BIOS_BOOT, BIOS_CORE, BOOT_FILES_FOLDER, GRUB_CONFIG } from '../disk/boot-files.ts';
import { formatMediumFiles, MEDIUM_FILES } from '../disk/medium-files.ts';
import { must } from '../error.ts';
import { makeAtomically } from '../process/atomic-write.ts';
import { hashFile } from '../process/hash-file.ts';
import { run } from '../process/run.ts';
import { findSettings } from '../profile/profile.ts';
import { defineStep, type Step } from '../step/step.ts';
import { BIOS_IMAGE, ESP_IMAGE, HYBRID_BOOT_SECTOR, OF_DISK, uefiFiles } from './boot-loader.ts';
import { writeDiskImage } from './disk-image.ts';
import { type ImageFacts, type ImageWork, pickToolVersions } from './facts.ts';
import { convertTo, FORMATS } from './format.ts';
import { markerPath, menuConfig } from './grub-config.ts';
import { SLOT_CONFIG_PATH, slotConfig } from './grub-disk.ts';
import {
  BIOS_IMAGE_PATH,
  INITRAMFS_PATH,
  KERNEL_PATH,
  liveBootMenu,
  SYSTEM_PATH,
  slotMenu,
} from './grub-model.ts';
import { INITRAMFS_FILE, KERNEL_FILE } from './initramfs.ts';
import { SQUASHFS_FILE } from './squashfs.ts';
import { hashBootImages, verifyIso } from './verify-iso.ts';
import { VERITY_FILE } from './verity.ts';

/** The facts, the id of the medium, and the preceding steps. */
export interface IsoFacts extends ImageFacts {
  buildId: string;
  squashfs: Step;
  initramfs: Step;
  verity: Step;
  bootLoader: Step;
}

/** The hashes of a finished ISO. */
export interface IsoResult {
  sha256: string;
  /** Path on the medium → SHA-256. */
  files: Readonly<Record<string, string>>;
}

/**
 * Step that writes the ISO and reads it back or, for a disk format, writes a disk with the ISO installed. The image
 * gets its name only after all checks.
 * Throws a BuildError if it cannot be written, or if it differs when read back.
 */
export const planIso = defineStep({
  name: 'iso',
  module: import.meta.filename,
  read: readIso,
  make: makeIso,
});

type IsoInputs = ReturnType<typeof readIso>;

function readIso(facts: IsoFacts) {
  const { profile, squashfs, initramfs, verity, bootLoader } = facts;
  const { title, volumeId, cmdline } = profile;
  const format = FORMATS[facts.format];
  const { name, labelPrefix } = profile;
  return {
    squashfs,
    initramfs,
    verity,
    bootLoader,
    'build id': facts.buildId,
    profile: { title, volumeId, cmdline },
    architecture: ARCHITECTURES[profile.architecture],
    'is signed': findSettings(profile, facts.base.name).signed.length > 0,
    flavour: facts.flavour,
    version: facts.version,
    epoch: facts.lock.sourceDateEpoch,
    format,
    ...(format.kind === 'disk' && {
      disk: { product: name, labelPrefix, base: facts.lock.base, cpu: profile.architecture },
    }),
    tool: pickToolVersions(
      facts,
      'xorriso',
      ...(format.layout === 'raw' ? [] : ['qemu-img' as const]),
    ),
  };
}

async function makeIso(
  file: string,
  inputs: IsoInputs,
  { made, hashes: hashesOf, checked, signal }: ImageWork,
): Promise<IsoResult> {
  const texts = await mkdtemp(join(dirname(file), `.${basename(file)}.`));
  try {
    const placed = Object.entries(mediumFiles(inputs));
    const written = await writeTexts(texts, inputs);
    const listed = {
      ...Object.fromEntries(placed.map(([path, { step, name }]) => [path, join(made(step), name)])),
      ...written,
    };
    const listedHashes = {
      // Hashes from when the steps made the files: a file that has changed since fails the comparison.
      ...Object.fromEntries(
        placed.map(([path, { step, name }]) => [
          path,
          must(hashesOf(step)[name], `hash of ${name}`),
        ]),
      ),
      ...(await hashAll(written, signal)),
    };
    const list = join(texts, basename(MEDIUM_FILES));
    await writeFile(list, formatMediumFiles(new Map(Object.entries(listedHashes))));
    const files = { ...listed, [MEDIUM_FILES]: list };
    const hashes = { ...listedHashes, ...(await hashAll({ [MEDIUM_FILES]: list }, signal)) };
    const { volumeId } = inputs.profile;
    const { architecture } = inputs;
    const bootLoader = made(inputs.bootLoader);
    const uefi = uefiFiles(architecture, inputs['is signed']);
    const request = {
      volumeId,
      files,
      bios: architecture.bios && {
        image: join(bootLoader, BIOS_IMAGE),
        bootSector: join(bootLoader, HYBRID_BOOT_SECTOR),
      },
      espImage: join(bootLoader, ESP_IMAGE),
      epoch: inputs.epoch,
    };
    const bootImages = { bios: request.bios?.image, esp: request.espImage };
    const boot = await hashBootImages(bootImages, signal);
    const { format, disk, version, epoch, 'build id': buildId } = inputs;
    const iso = disk === undefined ? file : join(texts, 'hybrid.iso');
    const { sha256 } = await writeIso(iso, request, {
      signal,
      check: async (written) => {
        const verified = await verifyIso(
          written,
          { volumeId, files: hashes, boot, uefi: Object.keys(uefi) },
          signal,
        );
        await Promise.all([checked(inputs.squashfs), checked(inputs.verity)]);
        return verified;
      },
    });
    if (disk === undefined) return { sha256, files: hashes };
    const { product, labelPrefix, base, cpu } = disk;
    const raw = join(texts, 'disk.raw');
    await writeDiskImage(raw, {
      ...{ iso, labelPrefix, epoch, signal },
      trailer: { product, version, base, architecture: cpu, buildId, sha256 },
      bootLoader,
    });
    return { sha256: await convertTo(format, { content: raw, file, signal }), files: hashes };
  } finally {
    await rm(texts, { recursive: true, force: true });
  }
}

/**
 * Path on the medium → step and name of its output file. UEFI's boot files are both in the EFI system partition and on
 * the medium itself, so that a FAT stick with the copied files boots.
 */
function mediumFiles({
  squashfs,
  initramfs,
  verity,
  bootLoader,
  architecture,
  'is signed': isSigned,
}: IsoInputs): Record<string, { step: Step; name: string }> {
  const { uefi, bios } = architecture;
  const file = (name: string) => ({ step: bootLoader, name });
  const ofDisk = [GRUB_CONFIG, ...(bios === undefined ? [] : [BIOS_BOOT, BIOS_CORE])];
  const loaders = isSigned ? [uefi.loader, uefi.signed.grub] : [uefi.loader];
  const disk = [
    ...ofDisk.map((name) => [name, OF_DISK + name]),
    // Signed programs are the same for disk and medium; xorriso stores a host file once, whatever the number of paths.
    ...loaders.map((name) => [name, isSigned ? name : OF_DISK + name]),
  ].map(([name = '', source = '']) => [`${BOOT_FILES_FOLDER}/${name}`, file(source)] as const);
  const medium = Object.entries(uefiFiles(architecture, isSigned));
  return {
    ...Object.fromEntries(disk),
    ...Object.fromEntries(medium.map(([path, name]) => [path, file(name)])),
    [KERNEL_PATH]: { step: initramfs, name: KERNEL_FILE },
    [INITRAMFS_PATH]: { step: verity, name: INITRAMFS_FILE },
    [SYSTEM_PATH]: { step: squashfs, name: SQUASHFS_FILE },
    '/quantix/system.verity': { step: verity, name: VERITY_FILE },
  };
}

/** Kernel parameters of all ways to boot an image. */
export function kernelParameters({
  profile,
  architecture,
  buildId,
}: {
  profile: { cmdline: readonly string[] };
  architecture: Architecture;
  buildId: string;
}): string[] {
  const consoles = ['console=tty0', `console=${architecture.serial},115200`];
  return [...consoles, ...profile.cmdline, `quantix.build=${buildId}`];
}

async function writeTexts(
  directory: string,
  { profile, architecture, flavour, version, 'build id': buildId }: IsoInputs,
): Promise<Record<string, string>> {
  const cmdline = kernelParameters({ profile, architecture, buildId });
  const menu = { title: profile.title, version, flavour, cmdline };
  const texts: Record<string, string> = {
    '/boot/grub/grub.cfg': menuConfig(liveBootMenu(menu)),
    [SLOT_CONFIG_PATH]: slotConfig(slotMenu(menu)),
    [markerPath(buildId)]: `${profile.title} ${version} ${buildId}\n`,
  };
  const written: Record<string, string> = {};
  for (const [path, text] of Object.entries(texts)) {
    const file = join(directory, basename(path));
    await writeFile(file, text);
    written[path] = file;
  }
  return written;
}

async function hashAll(
  files: Readonly<Record<string, string>>,
  signal: AbortSignal | undefined,
): Promise<Record<string, string>> {
  const hashes: Record<string, string> = {};
  for (const [path, file] of Object.entries(files)) {
    hashes[path] = (await hashFile(file, [], signal)).whole;
  }
  return hashes;
}

export interface IsoRequest {
  /** ISO 9660 volume id. */
  volumeId: string;
  /** Path on the medium → file on the host. */
  files: Readonly<Record<string, string>>;
  /**
   * GRUB for BIOS on the host, for `BIOS_IMAGE_PATH`, and the boot sector that loads it from a disk; absent if the
   * architecture has no BIOS.
   */
  bios?: { image: string; bootSector: string } | undefined;
  /** EFI system partition on the host; appended after the file system. */
  espImage: string;
  /** Time stamp of everything, in seconds since 1970. */
  epoch: number;
}

/**
 * Writes a hybrid ISO that boots under UEFI and, if the architecture has one, BIOS, from a CD and from a disk that it
 * is written to unchanged. The same files and time stamp give the same bytes.
 * @param check reads the ISO back before it gets its name
 * @returns the result of `check`
 * @throws BuildError if xorriso is missing or fails (for example, if the disk is full), or `check` fails; no file is
 *   left then
 */
export async function writeIso<T>(
  file: string,
  request: IsoRequest,
  { check, signal }: { check: (file: string) => Promise<T>; signal?: AbortSignal | undefined },
): Promise<T> {
  return makeAtomically(file, async (temporary) => {
    await run('xorriso', isoArguments(temporary, request), {
      env: { SOURCE_DATE_EPOCH: String(request.epoch) },
      signal,
    });
    return check(temporary);
  });
}

/** Returns xorriso's arguments (xorrisofs(1)): an El Torito entry per firmware, an EFI system partition in a GPT. */
export function isoArguments(output: string, request: IsoRequest): string[] {
  const { volumeId, files, bios, espImage, epoch } = request;
  const grafts = Object.entries({ ...files, ...(bios && { [BIOS_IMAGE_PATH]: bios.image }) })
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(graftPoint);
  return [
    ...['-as', 'mkisofs', '-quiet', '-o', output, '-V', volumeId, '-sysid', 'LINUX'],
    ...['-iso-level', '3', '-full-iso9660-filenames', '-joliet', '-rational-rock'],
    ...['--set_all_file_dates', isoDate(epoch)],
    ...['-partition_offset', '16', '-c', '/boot/grub/boot.cat'],
    ...(bios === undefined ? [] : biosArguments(bios.bootSector)),
    ...['-append_partition', '2', '0xef', espImage, '-appended_part_as_gpt'],
    ...['-e', '--interval:appended_partition_2:all::', '-no-emul-boot'],
    ...['-graft-points', ...grafts],
  ];
}

/** The boot image for BIOS. The last option begins the next El Torito entry. */
function biosArguments(bootSector: string): string[] {
  return [
    ...['--grub2-mbr', bootSector, '-b', BIOS_IMAGE_PATH, '-no-emul-boot'],
    ...['-boot-load-size', '4', '-boot-info-table', '--grub2-boot-info', '-eltorito-alt-boot'],
  ];
}

/** Formats a path on the medium and a host file for xorrisofs(1), `PATH=FILE`; `=` and `\` are escaped. */
export function graftPoint([path, source]: readonly [path: string, source: string]): string {
  const [target, file] = [path, source].map((text) => text.replace(/[\\=]/g, '\\$&'));
  return `${target}=${file}`;
}

/** `YYYYMMDDhhmmsscc` in UTC, the format of `-volume_date` and `--set_all_file_dates`. */
function isoDate(epoch: number): string {
  const [date = '', time = ''] = new Date(epoch * 1000).toISOString().split('T');
  return `${date.replaceAll('-', '')}${time.slice(0, 8).replaceAll(':', '')}00`;
}
