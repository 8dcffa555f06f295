import { ARCHITECTURES } from '../architecture.ts';
import type { Elf } from '../elf/elf.ts';
import { getParent } from '../tree/path.ts';
import type { Tree } from '../tree/tree.ts';

/** `e_machine` → architecture. Names of the architecture occur in Debian's and musl's paths and in `$PLATFORM`. */
const MACHINES = new Map(Object.values(ARCHITECTURES).map((one) => [one.elf, one]));

/** Default directories of glibc besides the multiarch ones (ld.so(8)), and of musl (its `ldso/dynlink.c`). */
const GLIBC = ['lib', 'usr/lib', 'lib64', 'usr/lib64'];
const MUSL = ['lib', 'usr/local/lib', 'usr/lib'];

/**
 * Returns the directories that a tree's dynamic loader searches for all programs of a machine. `/etc/ld.so.conf` is
 * used only if there is a loader cache, because glibc's loader reads the cache and not this file.
 */
export function listDefaultLibraryPaths(tree: Tree, machine: number): string[] {
  const names = MACHINES.get(machine);
  if (names !== undefined && tree.file(`lib/ld-musl-${names.machine}.so.1`) !== undefined) {
    const listed = tree.text(`etc/ld-musl-${names.machine}.path`);
    return listed === undefined ? MUSL : listed.split(/[:\n]/).filter((path) => path !== '');
  }
  const multiarch = names === undefined ? [] : [`lib/${names.triplet}`, `usr/lib/${names.triplet}`];
  const cached = tree.file('etc/ld.so.cache') === undefined ? [] : configuredPaths(tree);
  return [...multiarch, ...GLIBC, ...cached];
}

/** Directories of `/etc/ld.so.conf` and `/etc/ld.so.conf.d/*.conf` (ldconfig(8)). */
function configuredPaths(tree: Tree): string[] {
  const parts = tree.names('etc/ld.so.conf.d').map((name) => `etc/ld.so.conf.d/${name}`);
  return ['etc/ld.so.conf', ...parts]
    .flatMap((path) => (tree.text(path) ?? '').split('\n'))
    .map((line) => line.replace(/#.*/, '').trim())
    .filter((line) => line.startsWith('/'));
}

/**
 * Returns the `RUNPATH`, or else `RPATH`, of the program or library at a path, with `$ORIGIN`, `$LIB` and `$PLATFORM`
 * replaced; relative directories are dropped, because they depend on the working directory.
 */
export function ownLibraryPaths(path: string, { rpath, runpath, machine, bits }: Elf): string[] {
  const paths = runpath.length > 0 ? runpath : rpath;
  if (paths.length === 0) return [];
  const names = MACHINES.get(machine);
  const values: Record<string, string> = {
    ORIGIN: `/${getParent(path)}`,
    LIB: names === undefined ? (bits === 64 ? 'lib64' : 'lib') : `lib/${names.triplet}`,
    PLATFORM: names?.machine ?? '',
  };
  const filled = paths.map((entry) =>
    entry.replace(/\$(?:\{(ORIGIN|LIB|PLATFORM)\}|(ORIGIN|LIB|PLATFORM)\b)/g, (_, a, b) => {
      return values[String(a ?? b)] ?? '';
    }),
  );
  return filled.filter((directory) => directory.startsWith('/'));
}
