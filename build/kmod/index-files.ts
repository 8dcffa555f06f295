import type { Entry } from '../tree/entry.ts';
import type { KernelModule, ModuleIndex } from './module-index.ts';
import { MODULES } from './release.ts';

/**
 * Returns the text files that busybox's modprobe and mdev read (modules.dep(5), depmod(8)), as depmod writes them. The
 * binary versions for kmod's modprobe are not made. Add the files with `replace`, because some kernel packages contain
 * them.
 */
export function makeModuleIndex(index: ModuleIndex): Entry[] {
  const modules = [...index.modules.values()];
  return Object.entries({
    'modules.alias': [
      '# Aliases extracted from modules themselves.',
      ...modules.flatMap(({ name, aliases }) => aliases.map((alias) => `alias ${alias} ${name}`)),
    ],
    'modules.builtin': index.builtin,
    'modules.dep': modules.map((module) => dependencyLine(index, module)),
    'modules.devname': [
      '# Device nodes to trigger on-demand module loading.',
      ...modules.map(deviceLine).filter((line) => line !== undefined),
    ],
    'modules.softdep': [
      '# Soft dependencies extracted from modules themselves.',
      ...modules.flatMap(({ name, softdeps }) => softdeps.map((soft) => `softdep ${name} ${soft}`)),
    ],
  }).map(([name, lines]) => textFile(`${MODULES}/${index.release}/${name}`, lines));
}

/** modprobe loads the modules after the colon from last to first. */
function dependencyLine(index: ModuleIndex, module: KernelModule): string {
  const paths = index.dependencies(module).map(({ path }) => path);
  return [`${module.path}:`, ...paths.reverse()].join(' ');
}

/** Returns `fuse fuse c10:229` if the module names its device node and number. */
function deviceLine({ name, aliases }: KernelModule): string | undefined {
  const node = aliases.find((alias) => alias.startsWith('devname:'))?.slice('devname:'.length);
  if (node === undefined) return undefined;
  for (const alias of aliases) {
    const number = /^(char|block)-major-([0-9]+)-([0-9]+)$/.exec(alias);
    if (number !== null) {
      const [, kind, major, minor] = number;
      return `${name} ${node} ${kind === 'char' ? 'c' : 'b'}${major}:${minor}`;
    }
  }
  return undefined;
}

function textFile(path: string, lines: readonly string[]): Entry {
  const bytes = Buffer.from(lines.map((line) => `${line}\n`).join(''), 'latin1');
  return {
    type: 'file',
    path,
    mode: 0o644,
    uid: 0,
    gid: 0,
    origin: 'kernel module index',
    size: bytes.length,
    content: { in: 'memory', bytes },
  };
}
