import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ExplainedError } from '../explained-error.ts';
import type { BiosBoot } from './bios-boot.ts';

/**
 * Folder on a medium with the boot files for an installed disk: the files below, and the program that UEFI starts; if
 * that is shim, also the GRUB that shim starts.
 */
export const BOOT_FILES_FOLDER = '/quantix/disk';
export const GRUB_CONFIG = 'grub.cfg';
export const BIOS_BOOT = 'boot.img';
export const BIOS_CORE = 'core.img';

/** Folder of the EFI partition that GRUB reads; also the folder of `ENVIRONMENT_PATH`. */
export const GRUB_FOLDER = '/grub';

/** Folder of an EFI partition with the configuration for a GRUB signed by Debian, which contains this path. */
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

/**
 * Reads the boot files of an installed disk.
 * @param folder the folder of a mounted medium, or the builder's, with the files of `BOOT_FILES_FOLDER`
 * @param prefix prefix of the file names in that folder; empty on a medium
 * @throws ExplainedError if it lacks GRUB's configuration, or does not have exactly one program for UEFI
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
  const bytes = (name: string) => readFile(join(folder, prefix + name));
  const efi = new Map([
    [`${LOADER_FOLDER}/${loader}`, await bytes(loader)],
    [`${GRUB_FOLDER}/${GRUB_CONFIG}`, await bytes(GRUB_CONFIG)],
  ]);
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
