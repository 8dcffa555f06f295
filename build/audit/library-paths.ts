import type { Elf } from '../elf/elf.ts';
import { parentOf } from '../tree/path.ts';
import type { Tree } from '../tree/tree.ts';

/** `e_machine` → how Debian's directories and musl's files name it. */
const MACHINES: Record<number, { triplet: string; musl: string; platform: string }> = {
  3: { triplet: 'i386-linux-gnu', musl: 'i386', platform: 'i686' },
  40: { triplet: 'arm-linux-gnueabihf', musl: 'armhf', platform: 'v7l' },
  62: { triplet: 'x86_64-linux-gnu', musl: 'x86_64', platform: 'x86_64' },
  183: { triplet: 'aarch64-linux-gnu', musl: 'aarch64', platform: 'aarch64' },
  243: { triplet: 'riscv64-linux-gnu', musl: 'riscv64', platform: 'riscv64' },
};

/** Where glibc looks besides the directory of the machine (ld.so(8)), and musl (its `ldso/dynlink.c`). */
const GLIBC = ['lib', 'usr/lib', 'lib64', 'usr/lib64'];
const MUSL = ['lib', 'usr/local/lib', 'usr/lib'];

/**
 * Directories that a tree's dynamic loader searches for every program of a machine.
 * `/etc/ld.so.conf` counts only where its cache is: glibc's loader never reads it.
 */
export function defaultLibraryPaths(tree: Tree, machine: number): string[] {
  const names = MACHINES[machine];
  if (names !== undefined && tree.file(`lib/ld-musl-${names.musl}.so.1`) !== undefined) {
    const listed = tree.text(`etc/ld-musl-${names.musl}.path`);
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
 * `RUNPATH`, or else `RPATH`, of the program or library at a path, with `$ORIGIN`, `$LIB` and `$PLATFORM` filled in;
 * what is then relative depends on who calls the program, and does not count.
 */
export function ownLibraryPaths(path: string, { rpath, runpath, machine, bits }: Elf): string[] {
  const paths = runpath.length > 0 ? runpath : rpath;
  if (paths.length === 0) return [];
  const names = MACHINES[machine];
  const values: Record<string, string> = {
    ORIGIN: `/${parentOf(path)}`,
    LIB: names === undefined ? (bits === 64 ? 'lib64' : 'lib') : `lib/${names.triplet}`,
    PLATFORM: names?.platform ?? '',
  };
  const filled = paths.map((entry) =>
    entry.replace(/\$(?:\{(ORIGIN|LIB|PLATFORM)\}|(ORIGIN|LIB|PLATFORM)\b)/g, (_, a, b) => {
      return values[String(a ?? b)] ?? '';
    }),
  );
  return filled.filter((directory) => directory.startsWith('/'));
}
