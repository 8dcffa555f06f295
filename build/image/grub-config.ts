import { BuildError } from '../error.ts';
import type { BootEntry, BootMenu } from './grub-model.ts';

/** Modules of every GRUB core image: it loads nothing from the medium before it has found the medium. */
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

/** Path on the medium of the file that no other system has; how GRUB and the initramfs find the medium. */
export function markerPath(buildId: string): string {
  return `/quantix/build-${buildId}`;
}

/**
 * The configuration embedded in the core images: finds the medium by its marker, then reads the menu there. The disk that
 * this was loaded from, as firmware chose it, comes first: the marker is no secret, and another disk may carry it.
 */
export function earlyConfig(buildId: string): string {
  return [
    'regexp --set=1:disk "^([^,]*)" "$root"',
    `search --no-floppy --file --set=root --hint="$disk," ${markerPath(buildId)}`,
    'set prefix=($root)/boot/grub',
    '',
  ].join('\n');
}

/**
 * The configuration of a GRUB that is signed and so has none embedded: it does what the embedded one does. Such a GRUB reads
 * it where firmware loaded it from; from a CD, that is the file system of the CD and not the EFI system partition in it.
 */
export function signedConfig(buildId: string): string {
  return `${earlyConfig(buildId)}source $prefix/grub.cfg\n`;
}

/** Has the menu on screen and, where there is one, on the first serial port. */
export const TERMINALS = [
  'if serial --unit=0 --speed=115200; then',
  '  terminal_input console serial',
  '  terminal_output console serial',
  'fi',
] as const;

/** `grub.cfg` of a live image: the menu on screen and, where there is one, on the first serial port. */
export function menuConfig(menu: BootMenu): string {
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

/** Files on the medium that a `grub.cfg` names. */
export function pathsNamedBy(config: string): string[] {
  return [...config.matchAll(/^\s*(?:linux|initrd)\s+(\S+)/gm)].map((match) => match[1] ?? '');
}

function entryConfig(entry: BootEntry): string[] {
  return entryLines({
    head: quoted(entry.title),
    options: `--id ${word(entry.id)}`,
    body: [
      `linux ${word(entry.kernel)} ${entry.cmdline.map(word).join(' ')}`,
      `initrd ${word(entry.initramfs)}`,
    ],
  });
}

/** A line of the menu: its title and options as GRUB's shell reads them, and what it does. */
export function entryLines({
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

/** Text as one word of GRUB's shell. @throws BuildError if it has a quote or a line's end */
export function quoted(text: string): string {
  if (!/['\n]/.test(text)) return `'${text}'`;
  throw new BuildError({ what: `menu title ${JSON.stringify(text)} must not contain quotes` });
}

/** A word as it is: GRUB's shell reads `; & | $ { }`, quotes and white space specially; words with them are refused. @throws BuildError */
export function word(text: string): string {
  if (/^[\w./:=,+@%-]+$/.test(text)) return text;
  throw new BuildError({
    what: `${JSON.stringify(text)} cannot stand in grub.cfg`,
    where: 'cmdline of the profile',
    fix: 'Use letters, digits and . / : = , + @ % - _ only.',
  });
}
