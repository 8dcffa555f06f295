import { MODULE_FILE, moduleName } from '../kmod/modinfo.ts';
import { nameOf } from '../tree/path.ts';
import type { ContentNode } from './content.ts';

const OS_RELEASE = 'etc/os-release';
const HOSTNAME = 'etc/hostname';

/** Settings of the init script of an initramfs; see `initramfsTree`. */
const INITRAMFS_SETTINGS = 'etc/quantix-initramfs';

/** The menu of a live image. */
const MENU = 'boot/grub/grub.cfg';

/** Files of any part that say what an image is. */
export const TOLD_BY_SETTINGS: ReadonlySet<string> = new Set([
  ...[OS_RELEASE, HOSTNAME, INITRAMFS_SETTINGS, MENU],
]);

/** Name of the setting that says which kernel the modules are for, as `uname -r` does. */
export const KERNEL_RELEASE = 'kernel release';

type Texts = ReadonlyMap<string, string>;

/** What a root filesystem says of itself: os-release(5), host name, services by run level, kernel and its modules. */
export function rootfsSettings(
  nodes: readonly ContentNode[],
  texts: Texts,
): Iterable<readonly [string, string]> {
  return [
    ...assignments(texts.get(OS_RELEASE) ?? '').map(named('os-release')),
    ...(texts.has(HOSTNAME) ? [['hostname', (texts.get(HOSTNAME) ?? '').trim()] as const] : []),
    ...nodes.flatMap(({ path }) => {
      const [, level, service] = /^etc\/runlevels\/([^/]+)\/([^/]+)$/.exec(path) ?? [];
      return level === undefined ? [] : [[`service ${service} in ${level}`, 'started'] as const];
    }),
    ...nodes.flatMap(({ path, type }) => {
      const [, release] = /^(?:usr\/)?lib\/modules\/([^/]+)\/.+$/.exec(path) ?? [];
      if (release === undefined || type !== 'file' || !MODULE_FILE.test(path)) return [];
      const name = moduleName(nameOf(path).replace(MODULE_FILE, ''));
      return [[`module ${name}`, 'there'] as const, [KERNEL_RELEASE, release] as const];
    }),
  ];
}

/** What an initramfs is told. */
export function initramfsSettings(texts: Texts): Iterable<readonly [string, string]> {
  return assignments(texts.get(INITRAMFS_SETTINGS) ?? '').map(named('initramfs'));
}

/** Volume id, build id, and the kernel's parameters by lines of the boot menu. */
export function mediumSettings(
  volumeId: string | undefined,
  texts: Texts,
): Iterable<readonly [string, string]> {
  const settings: [string, string][] = volumeId === undefined ? [] : [['volume id', volumeId]];
  let entry = '';
  for (const line of (texts.get(MENU) ?? '').split('\n')) {
    entry = /^menuentry .*--id (\S+)/.exec(line)?.[1] ?? entry;
    const parameters = /^\s*linux\s+\S+(.*)$/.exec(line)?.[1]?.trim();
    if (parameters === undefined) continue;
    const build = /(?:^| )quantix\.build=(\S+)/;
    // It is another one with every change, and would hide whether the others are the same.
    settings.push([`kernel parameters of ${entry}`, parameters.replace(build, '').trim()]);
    const id = build.exec(parameters)?.[1];
    if (id !== undefined) settings.push(['build id', id]);
  }
  return settings;
}

function named(group: string): (pair: readonly [string, string]) => readonly [string, string] {
  return ([name, value]) => [`${group} ${name}`, value];
}

/** Lines `NAME=value` or `NAME="value"`, as os-release(5) has them. */
function assignments(text: string): (readonly [string, string])[] {
  return text.split('\n').flatMap((line) => {
    const [, name, value = ''] = /^([A-Za-z_][A-Za-z0-9_]*)=(.*)$/.exec(line) ?? [];
    if (name === undefined) return [];
    const plain = /^"(.*)"$/.exec(value)?.[1]?.replace(/\\(["$`\\])/g, '$1') ?? value;
    return [[name, plain] as const];
  });
}
