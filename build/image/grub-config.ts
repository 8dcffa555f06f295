import { BuildError } from '../error.ts';
import type { BootEntry, BootMenu } from './grub-model.ts';

/** Modules in every GRUB core image, because a core image cannot load modules before it has found the medium. */
export const CORE_MODULES = [
  'all_video',
  'configfile',
  'echo',
  'fat',
  'halt',
  'iso9660',
  'linux',
  'ls',
  'minicmd',
  'normal',
  'part_gpt',
  'part_msdos',
  'regexp',
  'reboot',
  'search',
  'search_fs_file',
  'serial',
  'sleep',
  'terminal',
  'test',
] as const;

/**
 * Returns the configuration embedded in the core images: it finds the medium by its marker and reads the menu there.
 * The disk that the firmware loaded GRUB from is tried first: the marker is not secret, and another disk may have it.
 * @param marker path of the marker; see `makeMarkerPath`
 */
export function formatEarlyConfig(marker: string): string {
  return [
    'regexp --set=1:disk "^([^,]*)" "$root"',
    `search --no-floppy --file --set=root --hint="$disk," ${marker}`,
    'set prefix=($root)/boot/grub',
    '',
  ].join('\n');
}

/**
 * Returns the configuration file for a signed GRUB, in which no configuration is embedded; the file does the same as
 * `formatEarlyConfig`. A signed GRUB reads this file from the file system that the firmware loaded GRUB from; on a CD,
 * this is the CD's file system, not the EFI system partition in it.
 */
export function formatSignedConfig(marker: string): string {
  return `${formatEarlyConfig(marker)}source $prefix/grub.cfg\n`;
}

/** Shows the menu on the screen and, if there is one, on the first serial port. */
export const TERMINALS = [
  'if serial --unit=0 --speed=115200; then',
  '  terminal_input console serial',
  '  terminal_output console serial',
  'fi',
] as const;

/** Returns the `grub.cfg` of a live image; see `TERMINALS`. */
export function formatMenuConfig(menu: BootMenu): string {
  return [
    `set timeout=${menu.timeout}`,
    `set default=${menu.entries[0].id}`,
    ...TERMINALS,
    ...menu.entries.flatMap(entryConfig),
    "menuentry 'Restart' --id restart {",
    '  reboot',
    '}',
    "menuentry 'Power off' --id poweroff {",
    '  halt',
    '}',
    '',
  ].join('\n');
}

/** Lists the files on the medium that a `grub.cfg` refers to. */
export function listReferencedPaths(config: string): string[] {
  return [...config.matchAll(/^\s*(?:linux|initrd)\s+(\S+)/gm)].map((match) => match[1] ?? '');
}

function entryConfig(entry: BootEntry): string[] {
  return formatEntry({
    head: quoteWord(entry.title),
    options: `--id ${checkWord(entry.id)}`,
    body: [
      `linux ${checkWord(entry.kernel)} ${entry.cmdline.map(checkWord).join(' ')}`,
      `initrd ${checkWord(entry.initramfs)}`,
    ],
  });
}

/** Returns the lines of a menu entry: title and options, quoted for GRUB's shell, and commands. */
export function formatEntry({
  head,
  options,
  body,
}: {
  head: string;
  options: string;
  body: readonly string[];
}): string[] {
  return [`menuentry ${head} ${options} {`, ...body.map((line) => `  ${line}`), '}'];
}

/** Quotes a text as one word of GRUB's shell. @throws BuildError if it contains a quote or a line break */
export function quoteWord(text: string): string {
  if (!/['\n]/.test(text)) return `'${text}'`;
  throw new BuildError({ what: `menu title ${JSON.stringify(text)} must not contain quotes` });
}

/**
 * Returns a word that needs no quotes.
 * @throws BuildError if it contains `; & | $ { }`, quotes or white space, which are special to GRUB's shell
 */
export function checkWord(text: string): string {
  if (/^[\w./:=,+@%-]+$/.test(text)) return text;
  throw new BuildError({
    what: `${JSON.stringify(text)} cannot stand in grub.cfg`,
    where: 'cmdline of the profile',
    fix: 'Use letters, digits and . / : = , + @ % - _ only.',
  });
}
