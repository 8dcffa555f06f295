import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { must } from '../../build/error.ts';
import { layOutNode } from '../../build/sea/own-node.ts';
import type { Entry, FileEntry } from '../../build/tree/entry.ts';
import type { DebianPackage } from './debian-packages.ts';
import { laidOut, withFolders } from './layout.ts';
import type { PackageRecipe } from './recipe.ts';

/** Folders in which Debian's programs find their loader and libraries; programs for musl do not use them. */
const [LOADERS, LIBRARIES] = ['lib64', 'usr/lib/x86_64-linux-gnu'];

/** Paths of the programs that use Debian's C library on a system with musl, and of Debian's libraries. */
export const LENT = ['/usr/sbin/ip', `/${LIBRARIES}`];

const OWNER = { uid: 0, gid: 0, origin: 'fixture' };

/**
 * Makes the packages that are missing among the real ones of Alpine, from Debian's and with Alpine's names: the
 * statically linked busybox of the initramfs, the modules of GRUB, and iproute2, with the C library that it needs.
 */
export async function lentByDebian(packages: readonly DebianPackage[]): Promise<PackageRecipe[]> {
  const of = (name: string): readonly Entry[] => {
    const found = packages.find(({ locked }) => locked.name === name);
    if (found === undefined) throw new Error(`Debian's lock has no ${name}`);
    return laidOut(found.entries);
  };
  const recipe = (name: string, entries: readonly Entry[]): PackageRecipe => ({
    name,
    version: '1.0-r0',
    description: 'Lent by Debian',
    entries: withFolders(entries),
  });
  const modules = (name: string) =>
    of(name).filter(({ path }) => /^usr\/lib\/grub\/.*\.(?:img|lst|mod)$/.test(path));
  const busybox = of('busybox-static').find(({ path }) => path === 'usr/bin/busybox');
  if (busybox?.type !== 'file') throw new Error("Debian's busybox-static has no busybox");
  return [
    recipe('busybox-static', [{ ...busybox, path: 'bin/busybox.static' }]),
    recipe('grub-bios', modules('grub-pc-bin')),
    recipe('grub-efi', modules('grub-efi-amd64-bin')),
    recipe('iproute2', await withLibraries(packages, 'usr/bin/ip', 'sbin/ip')),
  ];
}

/** Returns a program at another path, with the loader and the libraries that it needs. */
async function withLibraries(
  packages: readonly DebianPackage[],
  program: string,
  path: string,
): Promise<Entry[]> {
  const folder = await mkdtemp(join(tmpdir(), 'quantix-lent-'));
  try {
    const { node, loader } = await layOutNode(packages, program, folder);
    const { command } = must(loader, 'loader').call(node, path);
    const libraries = await readdir(join(folder, 'lib'));
    const files = new Map([
      [path, node],
      [`${LOADERS}/${basename(command)}`, command],
      ...libraries.map((name) => [`${LIBRARIES}/${name}`, join(folder, 'lib', name)] as const),
    ]);
    return await Promise.all(
      [...files].map(async ([to, from]) => fileEntry(to, await readFile(from))),
    );
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function fileEntry(path: string, bytes: Buffer): FileEntry {
  const content = { in: 'memory', bytes } as const;
  return { ...OWNER, type: 'file', path, mode: 0o755, size: bytes.length, content };
}
