import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { layOutNode } from '../../build/sea/own-node.ts';
import type { Entry, FileEntry } from '../../build/tree/entry.ts';
import type { DebianPackage } from './debian-packages.ts';
import { laidOut, withFolders } from './layout.ts';
import type { PackageRecipe } from './recipe.ts';

/** Where a program of Debian is that runs on a system with musl, together with its own loader and libraries. */
export const LENT = 'usr/lib/lent-by-debian';

const OWNER = { uid: 0, gid: 0, origin: 'fixture' };

/**
 * What real Alpine's packages at hand do not have, from Debian's under the names that Alpine has for them: the statically
 * linked busybox of the initramfs, the modules of GRUB, and iproute2, with the C library that it needs.
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
  const inFolder = (name: string, folder: string) =>
    of(name).filter(({ path }) => path.startsWith(folder));
  const busybox = of('busybox-static').find(({ path }) => path === 'usr/bin/busybox');
  if (busybox?.type !== 'file') throw new Error("Debian's busybox-static has no busybox");
  return [
    recipe('busybox-static', [{ ...busybox, path: 'bin/busybox.static' }]),
    recipe('grub-bios', inFolder('grub-pc-bin', 'usr/lib/grub/')),
    recipe('grub-efi', inFolder('grub-efi-amd64-bin', 'usr/lib/grub/')),
    recipe('iproute2', await withLoader(packages, 'usr/bin/ip', ['sbin/ip'])),
  ];
}

/** A program with its loader and libraries in one folder, and scripts at these paths that run it. */
async function withLoader(
  packages: readonly DebianPackage[],
  program: string,
  paths: readonly string[],
): Promise<Entry[]> {
  const folder = await mkdtemp(join(tmpdir(), 'quantix-lent-'));
  try {
    const { loader } = await layOutNode(packages, program, folder);
    if (loader === undefined) throw new Error(`${program} is linked statically`);
    const names = await readdir(folder, { recursive: true, withFileTypes: true });
    const files = await Promise.all(
      names
        .filter((one) => one.isFile())
        .map(async ({ parentPath, name }): Promise<FileEntry> => {
          const bytes = await readFile(join(parentPath, name));
          return fileEntry(join(LENT, parentPath.slice(folder.length), name), bytes);
        }),
    );
    const { command, before } = loader.call(join(folder, 'node'), 'ip');
    const words = [command, ...before].map((word) => word.replace(folder, `/${LENT}`));
    const script = Buffer.from(`#!/bin/sh\nexec ${words.join(' ')} "$@"\n`);
    return [...files, ...paths.map((path) => fileEntry(path, script))];
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function fileEntry(path: string, bytes: Buffer): FileEntry {
  const content = { in: 'memory', bytes } as const;
  return { ...OWNER, type: 'file', path, mode: 0o755, size: bytes.length, content };
}
