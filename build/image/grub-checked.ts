import type { BootEntry } from './grub-model.ts';

/**
 * Configuration of the GRUB of an image with an owner. This GRUB opens a file only if the signature of the file by the
 * owner's key is beside it; `signFile` makes the signatures.
 */

/**
 * Modules that verify signatures; a GRUB image with a public key requires a signature for every file (GRUB manual,
 * Using digital signatures).
 */
export const CHECKING_MODULES = ['pgp', 'gcry_rsa', 'gcry_sha256'] as const;

/**
 * Reserves the menu editor and the command line, where verification can be turned off, for superusers; there are none.
 */
export const LOCKED_CONFIG = 'set superusers=""\nexport superusers\n';

/**
 * Returns a configuration that makes GRUB read its menu from a file of this name instead of `grub.cfg`, in the same
 * folder.
 */
export function redirectMenu(name: string): string {
  return `normal $prefix/${name}\n`;
}

/**
 * Adapts a configuration to `LOCKED_CONFIG` and to the checks of signatures: everyone may boot the entries of the menu,
 * not only superusers; and the boot state of an installed disk is read without a signature, because the system writes
 * it. Only three variables are read from the boot state, and their values are checked.
 */
export function makeCheckedConfig(config: string): string {
  return config
    .replace(/^(\s*menuentry .*?)( --id .*)? \{$/gm, '$1 --unrestricted$2 {')
    .replace(/^load_env /gm, 'load_env --skip-sig ');
}

/** Removes the entry that opens a shell on the console; see `grub-model.ts`. */
export function removeShell<Entry extends BootEntry>(entries: readonly Entry[]): Entry[] {
  return entries.filter(({ id }) => id !== 'debug');
}
