import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ExplainedError } from '../explained-error.ts';
import type { BiosBoot } from './bios-boot.ts';
import { type BlockDevice, readBytes } from './block-device.ts';
import { locateFile } from './fat32.ts';

/*
 * A medium has a folder with the boot files for an installed disk (`makeMediumPaths`): the files below, and the program that
 * UEFI starts; if that is shim, also the GRUB that shim starts.
 */

export const GRUB_CONFIG = 'grub.cfg';
/** Menu for a GRUB that opens only files signed by the owner, in place of `grub.cfg`, and its signature. */
export const CHECKED_MENU = 'menu';
export const CHECKED_MENU_SIGNATURE = 'menu.sig';
/** Certificate of the owner, X.509 in DER, from which an update determines whose signatures this GRUB accepts. */
export const OWNER_CERTIFICATE = 'owner.cer';
export const BIOS_BOOT = 'boot.img';
export const BIOS_CORE = 'core.img';

/** Folder in the EFI partition from which GRUB reads its files; also the folder of `ENVIRONMENT_PATH`. */
export const GRUB_FOLDER = '/grub';

/** Folder of an EFI partition with the configuration for a GRUB signed by Debian; this path is built into that GRUB. */
export const SIGNED_GRUB_FOLDER = '/EFI/debian';

/** Folder of an EFI partition with the program for removable media, and the GRUB that shim starts. */
export const LOADER_FOLDER = '/EFI/BOOT';

/** The boot files of an installed disk. */
export interface BootFiles {
  /** Path in the EFI partition → content; without the boot state at `ENVIRONMENT_PATH`. */
  efi: ReadonlyMap<string, Buffer>;
  /** Absent if the architecture has no BIOS. */
  bios?: BiosBoot | undefined;
}

/** Names of programs that UEFI starts from a removable medium (UEFI 2.10, 3.5.1.1). */
const LOADER = /^BOOT[A-Z0-9]+\.EFI$/;
/** Names of the GRUB that shim starts. */
const SIGNED_GRUB = /^grub[a-z0-9]+\.efi$/;

/** Makes a GRUB signed by Debian read the same configuration as the GRUB for BIOS. */
const SIGNED_GRUB_CONFIG = `set prefix=($root)${GRUB_FOLDER}\nsource $prefix/${GRUB_CONFIG}\n`;

const CHECKED_FILES = [CHECKED_MENU, CHECKED_MENU_SIGNATURE, OWNER_CERTIFICATE];

/**
 * Reads the boot files of an installed disk.
 * @param folder folder with the boot files: on a mounted medium, or the output of the step that makes them
 * @param prefix prefix of the file names in that folder; empty on a medium
 * @throws ExplainedError if it lacks GRUB's configuration, does not have exactly one program for UEFI, or has only some
 *   of the files of a checked menu
 */
export async function readBootFiles(folder: string, prefix = ''): Promise<BootFiles> {
  const files = await readdir(folder).catch((cause: unknown) => {
    throw missing(folder, 'cannot be read', cause);
  });
  const names = files
    .filter((name) => name.startsWith(prefix))
    .map((name) => name.slice(prefix.length));
  const [loader, ...others] = names.filter((name) => LOADER.test(name));
  if (loader === undefined || others.length > 0 || !names.includes(GRUB_CONFIG)) {
    throw missing(folder, 'lacks files that an installed disk needs to boot');
  }
  const checked = CHECKED_FILES.filter((name) => names.includes(name));
  if (checked.length !== 0 && checked.length !== CHECKED_FILES.length) {
    throw missing(folder, `has ${checked.join(' and ')}, but not all files of a signed menu`);
  }
  const bytes = (name: string) => readFile(join(folder, prefix + name));
  const efi = new Map([
    [`${LOADER_FOLDER}/${loader}`, await bytes(loader)],
    [`${GRUB_FOLDER}/${GRUB_CONFIG}`, await bytes(GRUB_CONFIG)],
  ]);
  for (const name of checked) efi.set(`${GRUB_FOLDER}/${name}`, await bytes(name));
  for (const name of names.filter((one) => SIGNED_GRUB.test(one))) {
    efi.set(`${LOADER_FOLDER}/${name}`, await bytes(name));
    efi.set(`${SIGNED_GRUB_FOLDER}/${GRUB_CONFIG}`, Buffer.from(SIGNED_GRUB_CONFIG));
  }
  if (!names.includes(BIOS_BOOT) || !names.includes(BIOS_CORE)) return { efi };
  return { efi, bios: { boot: await bytes(BIOS_BOOT), core: await bytes(BIOS_CORE) } };
}

function missing(folder: string, what: string, cause?: unknown): ExplainedError {
  return new ExplainedError({
    what: `the folder with the boot files ${what}`,
    where: folder,
    fix: 'Take another copy of the image.',
    cause,
  });
}

/** Maximum number of bytes of an owner's certificate that are read. */
const LONGEST_CERTIFICATE = 64 * 1024;

/**
 * Determines whose signatures the GRUB of an installed disk requires.
 * @param efi EFI partition
 * @returns SHA-256 of the owner's certificate in hex; undefined if GRUB starts slots without checking signatures
 * @throws ExplainedError if the partition is damaged or cannot be read
 */
export async function readOwnerId(efi: BlockDevice): Promise<string | undefined> {
  const path = `${GRUB_FOLDER}/${OWNER_CERTIFICATE}`;
  const file = await locateFile(efi, path);
  if (file === undefined) return undefined;
  const hash = createHash('sha256');
  let left = file.bytes;
  for (const { offset, length } of left > LONGEST_CERTIFICATE ? [] : file.extents) {
    const bytes = Math.min(left, length);
    hash.update(await readBytes(efi, offset, bytes));
    left -= bytes;
  }
  if (left === 0) return hash.digest('hex');
  throw new ExplainedError({
    what: 'the certificate of the owner is damaged',
    where: path,
    fix: 'Install again; configuration and data can be kept.',
  });
}
