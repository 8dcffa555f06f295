import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { ARCHITECTURES, type Architecture } from '../architecture.ts';
import {
  BIOS_BOOT,
  BIOS_CORE,
  CHECKED_MENU,
  CHECKED_MENU_SIGNATURE,
  GRUB_CONFIG,
  OWNER_CERTIFICATE,
} from '../disk/boot-files.ts';
import { formatMediumFiles } from '../disk/medium-files.ts';
import { makeMarkerPath, makeMediumPaths } from '../disk/medium-paths.ts';
import { BuildError, must } from '../error.ts';
import { makeAtomically } from '../process/atomic-write.ts';
import { hashFile } from '../process/hash-file.ts';
import { run } from '../process/run.ts';
import { signProgram } from '../secure-boot/authenticode.ts';
import { SIGNATURE_SUFFIX, signFile } from '../secure-boot/openpgp.ts';
import type { OwnerKey } from '../secure-boot/owner-key.ts';
import { sha256 } from '../step/digest.ts';
import { defineStep, type Step } from '../step/step.ts';
import {
  BIOS_IMAGE,
  ESP_IMAGE,
  HYBRID_BOOT_SECTOR,
  listUefiFiles,
  OF_DISK,
} from './boot-loader.ts';
import { writeDiskImage } from './disk-image.ts';
import {
  hasSignedPrograms,
  type ImageFacts,
  type ImageWork,
  makeOwnerInput,
  pickToolVersions,
} from './facts.ts';
import { convertTo, FORMATS } from './format.ts';
import { makeCheckedConfig, removeShell } from './grub-checked.ts';
import { formatMenuConfig } from './grub-config.ts';
import { formatSlotConfig, SLOT_CONFIG_PATH } from './grub-disk.ts';
import {
  BIOS_IMAGE_PATH,
  type BootMenuRequest,
  INITRAMFS_PATH,
  KERNEL_PATH,
  planLiveMenu,
  planSlotMenu,
} from './grub-model.ts';
import { INITRAMFS_FILE, KERNEL_FILE } from './initramfs.ts';
import { SQUASHFS_FILE } from './squashfs.ts';
import { hashBootImages, verifyIso } from './verify-iso.ts';
import { VERITY_FILE } from './verity.ts';

/** Input of `planIso`: the facts, the id of the medium, and the preceding steps. */
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
 * Step that writes the ISO and reads it back; for a disk format, it then writes a disk with the ISO installed. The
 * image gets its name only after all checks.
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
  const { title, volumeId, namespace, cmdline } = profile;
  const format = FORMATS[facts.format];
  const { name, labelPrefix } = profile;
  return {
    squashfs,
    initramfs,
    verity,
    bootLoader,
    'build id': facts.buildId,
    profile: { title, volumeId, namespace, cmdline },
    architecture: ARCHITECTURES[profile.architecture],
    'is signed': hasSignedPrograms(facts),
    ...makeOwnerInput(facts),
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
  { made, hashes: hashesOf, checked, owner, signal }: ImageWork,
): Promise<IsoResult> {
  const texts = await mkdtemp(join(dirname(file), `.${basename(file)}.`));
  try {
    const placed = Object.entries(mediumFiles(inputs));
    const written = await writeTexts(texts, inputs);
    const plain = {
      ...Object.fromEntries(placed.map(([path, { step, name }]) => [path, join(made(step), name)])),
      ...written,
    };
    const plainHashes = {
      // The hashes were computed when the steps made the files: a file that has changed since fails the comparison.
      ...Object.fromEntries(
        placed.map(([path, { step, name }]) => [
          path,
          must(hashesOf(step)[name], `hash of ${name}`),
        ]),
      ),
      ...(await hashAll(written, signal)),
    };
    const signed = bootsBy(inputs).isOwned
      ? await signChecked(texts, must(owner, 'key of the owner'), {
          files: plain,
          hashes: plainHashes,
          marker: makeMarkerPath(inputs.profile.namespace, inputs['build id']),
        })
      : {};
    const listed = { ...plain, ...signed };
    const listedHashes = { ...plainHashes, ...(await hashAll(signed, signal)) };
    const paths = makeMediumPaths(inputs.profile.namespace);
    const list = join(texts, basename(paths.list));
    await writeFile(list, formatMediumFiles(new Map(Object.entries(listedHashes))));
    const files = { ...listed, [paths.list]: list };
    const hashes = { ...listedHashes, ...(await hashAll({ [paths.list]: list }, signal)) };
    const { volumeId } = inputs.profile;
    const { architecture } = inputs;
    const bootLoader = made(inputs.bootLoader);
    const uefi = listUefiFiles(architecture, bootsBy(inputs));
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
function mediumFiles(inputs: IsoInputs): Record<string, { step: Step; name: string }> {
  const { squashfs, initramfs, verity, bootLoader, architecture } = inputs;
  const { isSigned, isOwned } = bootsBy(inputs);
  const { uefi, bios } = architecture;
  const file = (name: string) => ({ step: bootLoader, name });
  const paths = makeMediumPaths(inputs.profile.namespace);
  const ofDisk = [
    GRUB_CONFIG,
    ...(isOwned ? [CHECKED_MENU, CHECKED_MENU_SIGNATURE, OWNER_CERTIFICATE] : []),
    ...(bios === undefined ? [] : [BIOS_BOOT, BIOS_CORE]),
  ];
  const loaders = isSigned ? [uefi.loader, uefi.signed.grub] : [uefi.loader];
  const disk = [
    ...ofDisk.map((name) => [name, OF_DISK + name]),
    // Signed programs are the same for disk and medium; xorriso stores a host file once, whatever the number of paths.
    ...loaders.map((name) => [name, isSigned ? name : OF_DISK + name]),
  ].map(([name = '', source = '']) => [`${paths.bootFiles}/${name}`, file(source)] as const);
  const medium = Object.entries(listUefiFiles(architecture, { isSigned, isOwned }));
  return {
    ...Object.fromEntries(disk),
    ...Object.fromEntries(medium.map(([path, name]) => [path, file(name)])),
    [KERNEL_PATH]: { step: initramfs, name: KERNEL_FILE },
    [INITRAMFS_PATH]: { step: verity, name: INITRAMFS_FILE },
    [paths.system]: { step: squashfs, name: SQUASHFS_FILE },
    [paths.verity]: { step: verity, name: VERITY_FILE },
  };
}

/** Whether UEFI boots the signed programs of the packages, or a GRUB signed by the owner. */
function bootsBy({ 'is signed': isSigned, owner }: IsoInputs) {
  return { isSigned, isOwned: owner !== undefined };
}

/**
 * Signs the files that GRUB reads on a medium with the owner's key. The kernel also gets a signature as a UEFI program,
 * because GRUB 2.12 starts it through the firmware.
 * @returns path on the medium → file on the host, for the signed kernel and the signatures
 * @throws BuildError if a file has changed since it was made
 */
async function signChecked(
  directory: string,
  owner: OwnerKey,
  plain: PlainFiles & { marker: string },
): Promise<Record<string, string>> {
  const signed: Record<string, string> = {};
  const write = async (path: string, content: Buffer) => {
    const file = join(directory, basename(path));
    await writeFile(file, content);
    signed[path] = file;
  };
  const writeSignature = async (path: string, content: Buffer) =>
    write(`${path}${SIGNATURE_SUFFIX}`, await signFile(owner, content));
  const kernel = await signProgram(await readAsMade(KERNEL_PATH, plain), owner, KERNEL_PATH);
  await write(KERNEL_PATH, kernel);
  await writeSignature(KERNEL_PATH, kernel);
  const configs = [MENU_PATH, SLOT_CONFIG_PATH, plain.marker];
  for (const path of [INITRAMFS_PATH, ...configs]) {
    await writeSignature(path, await readAsMade(path, plain));
  }
  return signed;
}

/** Files of a medium before they are signed. */
interface PlainFiles {
  /** Path on the medium → file on the host. */
  files: Readonly<Record<string, string>>;
  /** Path on the medium → SHA-256 in hex, computed when it was made. */
  hashes: Readonly<Record<string, string>>;
}

async function readAsMade(path: string, { files, hashes }: PlainFiles): Promise<Buffer> {
  const file = must(files[path], `file of ${path}`);
  const content = await readFile(file);
  if (sha256(content) === hashes[path]) return content;
  throw new BuildError({
    what: `${path} has changed since it was made, and is not signed`,
    where: file,
    fix: 'Check disk and memory of this machine, then build again.',
  });
}

/** Path of the menu on the medium. */
const MENU_PATH = '/boot/grub/grub.cfg';

/** Returns the GRUB configurations of a medium. */
function grubConfigs(request: BootMenuRequest, isOwned: boolean): { menu: string; slot: string } {
  const [live, slot] = [planLiveMenu(request), planSlotMenu(request)];
  if (!isOwned) return { menu: formatMenuConfig(live), slot: formatSlotConfig(slot) };
  const [first, ...more] = live.entries;
  return {
    menu: makeCheckedConfig(formatMenuConfig({ ...live, entries: [first, ...removeShell(more)] })),
    slot: makeCheckedConfig(formatSlotConfig({ ...slot, more: removeShell(slot.more) })),
  };
}

/** Lists the kernel parameters that all ways of booting an image have in common. */
export function listKernelParameters({
  profile,
  architecture,
  buildId,
}: {
  profile: { namespace: string; cmdline: readonly string[] };
  architecture: Architecture;
  buildId: string;
}): string[] {
  const consoles = ['console=tty0', `console=${architecture.serial},115200`];
  return [...consoles, ...profile.cmdline, `${profile.namespace}.build=${buildId}`];
}

async function writeTexts(directory: string, inputs: IsoInputs): Promise<Record<string, string>> {
  const { profile, architecture, flavour, version, 'build id': buildId } = inputs;
  const cmdline = listKernelParameters({ profile, architecture, buildId });
  const { title, namespace } = profile;
  const request = { title, namespace, version, flavour, cmdline };
  const { menu, slot } = grubConfigs(request, bootsBy(inputs).isOwned);
  const texts: Record<string, string> = {
    [MENU_PATH]: menu,
    [SLOT_CONFIG_PATH]: slot,
    [makeMarkerPath(namespace, buildId)]: `${title} ${version} ${buildId}\n`,
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

/** Input of `writeIso`. */
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
 * @param check reads the ISO back, before the temporary file is renamed to `file`
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
    await run('xorriso', makeIsoArguments(temporary, request), {
      env: { SOURCE_DATE_EPOCH: String(request.epoch) },
      signal,
    });
    return check(temporary);
  });
}

/** Returns xorriso's arguments (xorrisofs(1)): an El Torito entry per firmware, an EFI system partition in a GPT. */
export function makeIsoArguments(output: string, request: IsoRequest): string[] {
  const { volumeId, files, bios, espImage, epoch } = request;
  const grafts = Object.entries({ ...files, ...(bios && { [BIOS_IMAGE_PATH]: bios.image }) })
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(formatGraftPoint);
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
export function formatGraftPoint([path, source]: readonly [path: string, source: string]): string {
  const [target, file] = [path, source].map((text) => text.replace(/[\\=]/g, '\\$&'));
  return `${target}=${file}`;
}

/** Formats a time as `YYYYMMDDhhmmsscc` in UTC, the format of `-volume_date` and `--set_all_file_dates`. */
function isoDate(epoch: number): string {
  const [date = '', time = ''] = new Date(epoch * 1000).toISOString().split('T');
  return `${date.replaceAll('-', '')}${time.slice(0, 8).replaceAll(':', '')}00`;
}
