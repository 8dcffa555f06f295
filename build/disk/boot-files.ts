import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ExplainedError } from '../explained-error.ts';
import type { BiosBoot } from './bios-boot.ts';

/**
 * Folder on a medium with what an installed disk boots by: these names, and the program that UEFI starts; where that is shim,
 * the GRUB that it starts, too.
 */
export const BOOT_FILES_FOLDER = '/quantix/disk';
export const GRUB_CONFIG = 'grub.cfg';
export const BIOS_BOOT = 'boot.img';
export const BIOS_CORE = 'core.img';

/** Folder of the EFI partition that GRUB reads; `ENVIRONMENT_PATH` is in it, too. */
export const GRUB_FOLDER = '/grub';

/** Folder of an EFI partition with the configuration of a GRUB that Debian signed: the signature covers this name. */
export const SIGNED_GRUB_FOLDER = '/EFI/debian';

/** Folder of an EFI partition with the program that firmware starts from a removable medium, and with what that starts. */
export const LOADER_FOLDER = '/EFI/BOOT';

/** What an installed disk boots by. */
export interface BootFiles {
  /** Path in the EFI partition → content; without the state, which `ENVIRONMENT_PATH` has. */
  efi: ReadonlyMap<string, Buffer>;
  /** Absent where the architecture has no BIOS. */
  bios?: BiosBoot | undefined;
}

/** Names of the programs that UEFI starts on a removable medium (UEFI 2.10, 3.5.1.1). */
const LOADER = /^BOOT[A-Z0-9]+\.EFI$/;
/** Names of the GRUB that shim starts. */
const SIGNED_GRUB = /^grub[a-z0-9]+\.efi$/;

/** Has a GRUB that Debian signed do what the one of a BIOS does. */
const SIGNED_GRUB_CONFIG = `set prefix=($root)${GRUB_FOLDER}\nsource $prefix/${GRUB_CONFIG}\n`;

/**
 * Reads what an installed disk boots by.
 * @param folder of a medium, where it is mounted, or of the builder: it has what `BOOT_FILES_FOLDER` has
 * @param prefix what stands before each name in that folder; nothing on a medium
 * @throws ExplainedError if it has no configuration of GRUB or not one program for UEFI
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
    throw missing(folder, 'has not what an installed disk boots by');
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
