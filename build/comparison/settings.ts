import { MODULE_FILE, normalizeModuleName } from '../kmod/modinfo.ts';
import { nameOf } from '../tree/path.ts';
import type { ContentNode } from './content.ts';

const OS_RELEASE = 'etc/os-release';
const HOSTNAME = 'etc/hostname';

/** Settings for the init script of an initramfs; see `buildInitramfsTree`. */
const INITRAMFS_SETTINGS = 'etc/initramfs';

/** Boot menu of a live image. */
const MENU = 'boot/grub/grub.cfg';

/** Files of any part from which settings are read. */
export const IN_SETTINGS: ReadonlySet<string> = new Set([
  ...[OS_RELEASE, HOSTNAME, INITRAMFS_SETTINGS, MENU],
]);

/** Name of the setting with the kernel release of the modules, as from `uname -r`. */
export const KERNEL_RELEASE = 'kernel release';

type Texts = ReadonlyMap<string, string>;

/** Reads the settings of a root filesystem: os-release(5), host name, services per runlevel, kernel and its modules. */
export function readRootfsSettings(
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
      const name = normalizeModuleName(nameOf(path).replace(MODULE_FILE, ''));
      return [[`module ${name}`, 'there'] as const, [KERNEL_RELEASE, release] as const];
    }),
  ];
}

/** Reads the settings of an initramfs. */
export function readInitramfsSettings(texts: Texts): Iterable<readonly [string, string]> {
  return assignments(texts.get(INITRAMFS_SETTINGS) ?? '').map(named('initramfs'));
}

/** Reads the settings of a medium: volume id, build id, and the kernel parameters of each boot menu entry. */
export function readMediumSettings(
  volumeId: string | undefined,
  texts: Texts,
): Iterable<readonly [string, string]> {
  const settings: [string, string][] = volumeId === undefined ? [] : [['volume id', volumeId]];
  let entry = '';
  for (const line of (texts.get(MENU) ?? '').split('\n')) {
    entry = /^menuentry .*--id (\S+)/.exec(line)?.[1] ?? entry;
    const parameters = /^\s*linux\s+\S+(.*)$/.exec(line)?.[1]?.trim();
    if (parameters === undefined) continue;
    const build = /(?:^| )[a-z][a-z0-9-]*\.build=(\S+)/;
    // The build id is removed: it changes with every build, and would hide that the other parameters are equal.
    settings.push([`kernel parameters of ${entry}`, parameters.replace(build, '').trim()]);
    const id = build.exec(parameters)?.[1];
    if (id !== undefined) settings.push(['build id', id]);
  }
  return settings;
}

function named(group: string): (pair: readonly [string, string]) => readonly [string, string] {
  return ([name, value]) => [`${group} ${name}`, value];
}

/** Parses lines `NAME=value` or `NAME="value"`, as in os-release(5). */
function assignments(text: string): (readonly [string, string])[] {
  return text.split('\n').flatMap((line) => {
    const [, name, value = ''] = /^([A-Za-z_][A-Za-z0-9_]*)=(.*)$/.exec(line) ?? [];
    if (name === undefined) return [];
    const plain = /^"(.*)"$/.exec(value)?.[1]?.replace(/\\(["$`\\])/g, '$1') ?? value;
    return [[name, plain] as const];
  });
}
