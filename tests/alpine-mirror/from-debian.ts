import { createPrivateKey, createPublicKey } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import pLimit from 'p-limit';

import { findSettings } from '../../build/profile/profile.ts';
import { computeCodeDigest } from '../../build/step/code.ts';

import { computeDigest } from '../../build/step/digest.ts';
import { ContentReader } from '../../build/tree/content.ts';
import { readOverlay } from '../../build/tree/overlay.ts';
import { debianPackages, type ProjectPlace, prepareDebian } from './debian-packages.ts';
import { packIndex } from './index.ts';
import { makeKey, type SigningKey } from './key.ts';
import { nodePackage } from './node-package.ts';
import { packPackageFile } from './package.ts';
import type { PackageRecipe } from './recipe.ts';
import { mirrorRecipes } from './recipes.ts';
import { repositoryOf } from './stand-ins.ts';

const KEY_NAME = 'fixture@quantix-6a000000.rsa.pub';
const ARCHITECTURE = 'x86_64';
/** zlib level: low, because packages are read a few times and then removed. */
const LEVEL = 1;
/** Packages packed at the same time: compressing uses one core per package, reading and hashing one core for all. */
const AT_ONCE = 4;

/** A mirror of Alpine's layout, made from Debian's packages. */
export interface FixtureMirror {
  /** The mirror: `<folder>/<release>/<repository>/x86_64/`. */
  readonly folder: string;
  /** Folder with the public key, for `--keys-dir`. */
  readonly keys: string;
  /** Whether the mirror existed already. */
  readonly reused: boolean;
}

/** Input of `mirrorFromDebian`. */
export interface FixtureRequest extends ProjectPlace {
  /** Profile with a Debian lock, which lists the packages, and with Alpine settings, which name them. */
  readonly profile: string;
  /** Where the mirror and its key are kept; an existing mirror stays if it was made from the same parts. */
  readonly folder: string;
}

/**
 * Makes a mirror from which the Alpine base can build a bootable image if no real Alpine mirror can be reached. The
 * same lock, code and key give the same bytes; the key is made once per folder.
 */
export async function mirrorFromDebian(request: FixtureRequest): Promise<FixtureMirror> {
  const { profile, folder, projectDirectory } = request;
  const prepared = await prepareDebian(profile, request);
  const { facts } = prepared;
  const overlay = readOverlay(join(projectDirectory, 'overlay/debian'), 'debian');
  const key = await keyOf(folder);
  const made = computeDigest({
    profile: facts.profile,
    lock: facts.lock,
    overlay,
    code: computeCodeDigest(import.meta.filename),
    key: key.pem,
    node: process.version,
  });
  const mark = join(folder, 'made-from');
  const mirror = { folder, keys: join(folder, 'keys') };
  if (existsSync(mark) && readFileSync(mark, 'utf8') === made) return { ...mirror, reused: true };
  const { release, repositories } = findSettings(facts.profile, 'alpine');
  await Promise.all([
    rm(mark, { force: true }),
    rm(join(folder, release), { recursive: true, force: true }),
  ]);
  using reader = new ContentReader();
  const recipes = [
    nodePackage(projectDirectory, facts.lock.sourceDateEpoch),
    ...mirrorRecipes({
      profile: facts.profile,
      packages: await debianPackages(prepared),
      overlay,
      builddate: facts.lock.sourceDateEpoch,
      reader,
    }),
  ];
  for (const repository of repositories) {
    const own = recipes.filter(({ name }) => repositoryOf(name) === repository);
    const place = join(folder, release, repository, ARCHITECTURE);
    await pack(own, { place, key, description: `${release}.0-fixture` });
  }
  await writeFile(mark, made);
  return { ...mirror, reused: false };
}

interface Packing {
  place: string;
  key: SigningKey;
  description: string;
}

async function pack(
  recipes: readonly PackageRecipe[],
  { place, key, description }: Packing,
): Promise<void> {
  await mkdir(place, { recursive: true });
  const limit = pLimit(AT_ONCE);
  const stanzas = await Promise.all(
    recipes.map((recipe) => limit(() => packPackageFile(recipe, { key, level: LEVEL }, place))),
  );
  await writeFile(join(place, 'APKINDEX.tar.gz'), packIndex({ stanzas, description }, key));
}

/** Returns the key of a folder; makes one if there is none. The public key alone is in `keys/`. */
async function keyOf(folder: string): Promise<SigningKey> {
  const [file, keys] = [join(folder, 'key.pem'), join(folder, 'keys')];
  await mkdir(keys, { recursive: true });
  if (!existsSync(file)) {
    const { privateKey } = makeKey(KEY_NAME);
    const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
    await writeFile(file, pem, { mode: 0o600 });
  }
  const privateKey = createPrivateKey(await readFile(file, 'utf8'));
  const pem = createPublicKey(privateKey).export({ type: 'spki', format: 'pem' }).toString();
  for (const name of await readdir(keys)) await rm(join(keys, name));
  await writeFile(join(keys, KEY_NAME), pem);
  return { name: KEY_NAME, privateKey, pem };
}
