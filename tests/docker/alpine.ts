import { createWriteStream } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { assembleRoot } from '../../build/base/alpine/assemble.ts';
import { parseRepositoryAddress } from '../../build/base/alpine/repository/address.ts';
import { readTrustedKeys } from '../../build/base/alpine/signature/keys.ts';
import { listApplets, makeAppletLinks } from '../../build/base/system/applets.ts';
import { cacheRooms } from '../../build/cache/directory.ts';
import type { FileEntry } from '../../build/tree/entry.ts';
import { tarStream } from '../../build/tree/tar-stream.ts';
import { keys } from '../../profiles/shared/alpine-keys.ts';
import { packIndex } from '../alpine-mirror/index.ts';
import { makeKey } from '../alpine-mirror/key.ts';
import { packPackageFile } from '../alpine-mirror/package.ts';
import { copyPackages, realPackages } from '../alpine-mirror/real-packages.ts';
import type { PackageRecipe } from '../alpine-mirror/recipe.ts';
import { serve } from '../alpine-mirror/serve.ts';
import { ALPINE_3_19 } from '../unit/alpine/alpine-3.19.ts';
import type { TestDocker } from './daemon.ts';

/** The packages of the official Docker image of Alpine that matter here. */
const SYSTEM = [
  ...['alpine-baselayout', 'alpine-keys', 'alpine-release', 'apk-tools'],
  ...['busybox', 'busybox-binsh', 'ca-certificates-bundle'],
];

/** A Docker image of real Alpine 3.19 whose apk asks a mirror on loopback. */
export interface AlpineBase extends AsyncDisposable {
  image: string;
  /** Packages that the mirror has without content, because the real ones are not available. */
  standIns: readonly string[];
}

/** Input of `provideAlpine`: the image to make, and the contents of its mirror. */
export interface AlpineRequest {
  docker: TestDocker['docker'];
  /** Name of the image. */
  image: string;
  /** Names for an `apk add`; those without a real package are made without content. */
  wanted: readonly string[];
  /** Packages that replace real ones. */
  made: readonly PackageRecipe[];
}

/** Imports the image. Its mirror runs until the result is disposed of. */
export async function provideAlpine({
  docker,
  image,
  wanted,
  made,
}: AlpineRequest): Promise<AlpineBase> {
  const folder = await mkdtemp(join(tmpdir(), 'quantix-alpine-docker-'));
  const key = makeKey('docker-test.rsa.pub');
  const place = join(folder, 'mirror/x86_64');
  await mkdir(place, { recursive: true });
  const own = new Set(made.map(({ name }) => name));
  const real = realPackages().filter(({ name }) => !own.has(name));
  const known = new Set([...own, ...real.map(({ name }) => name)]);
  const standIns = wanted.filter((name) => !known.has(name));
  const empty = standIns.map((name): PackageRecipe => ({ name, version: '0-r0' }));
  const stanzas = [...made, ...empty].map((one) => packPackageFile(one, { key, level: 1 }, place));
  await copyPackages(real, place);
  const all = [...real.map(({ stanza }) => stanza), ...(await Promise.all(stanzas))];
  await writeFile(join(place, 'APKINDEX.tar.gz'), packIndex({ stanzas: all }, key));
  const mirror = await serve(join(folder, 'mirror'));
  try {
    const tar = join(folder, 'alpine.tar');
    const files = {
      'etc/apk/repositories': `${mirror.url}\n`,
      [`etc/apk/keys/${key.name}`]: key.pem,
    };
    await writeSystem(tar, { files, cache: join(folder, 'cache') });
    await docker('import', tar, image);
  } catch (error) {
    await mirror[Symbol.asyncDispose]();
    throw error;
  }
  return {
    image,
    standIns,
    async [Symbol.asyncDispose]() {
      await mirror[Symbol.asyncDispose]();
      await rm(folder, { recursive: true });
    },
  };
}

/**
 * Writes the tar of the system, with some files and the links to busybox's applets, which its package script would
 * make.
 */
async function writeSystem(
  tar: string,
  { files, cache }: { files: Readonly<Record<string, string>>; cache: string },
): Promise<void> {
  await mkdir(cache);
  const { tree, reader, epoch } = await assembleRoot({
    architecture: 'x86_64',
    keys: readTrustedKeys(Object.entries(keys)),
    repositories: [parseRepositoryAddress(join(ALPINE_3_19, 'iso'))],
    wanted: SYSTEM,
    cache: cacheRooms(cache),
  });
  using _ = reader;
  for (const entry of makeAppletLinks(tree, listApplets(tree, 'busybox'))) tree.replace(entry);
  for (const [path, text] of Object.entries(files)) tree.replace(fileOf(path, text));
  await pipeline(Readable.from(tarStream(tree, epoch)), createWriteStream(tar));
}

function fileOf(path: string, text: string): FileEntry {
  const bytes = Buffer.from(text);
  const content = { in: 'memory', bytes } as const;
  const owned = { uid: 0, gid: 0, origin: 'fixture' };
  return { ...owned, type: 'file', path, mode: 0o644, size: bytes.length, content };
}
