import type { KeyObject } from 'node:crypto';
import { copyFile, mkdir, readFile } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { readIndexKey } from '../build/base/alpine/mirror/signed-index.ts';
import { writeMirror } from '../build/base/alpine/mirror/write-mirror.ts';
import { BlobStore } from '../build/cache/blob-store.ts';
import { fetchAll } from '../build/cache/fetch.ts';
import type { Lock } from '../build/contract/lock.ts';
import { BuildError, must } from '../build/error.ts';
import { type ImageOptions, prepareLock } from '../build/image/prepare.ts';
import { makeAtomically } from '../build/process/atomic-write.ts';
import { ARCHIVE_FOLDER, type ArchivedRuntime, makeArchiveName } from '../build/sea/runtime.ts';
import { listDownloads } from './packages.ts';
import { makeNodeDownload } from './programs.ts';
import type { Output } from './ui/events.ts';
import { formatBytes } from './ui/format.ts';

/** The key that signs a mirror's indexes. */
export interface MirrorKey {
  /** Path of the RSA private key. */
  file: string;
  /** Name under which the public key is trusted; by default the name of the file with `.pub`. */
  name?: string | undefined;
}

/** Writes a partial mirror with the packages in the locks of some profiles. */
export async function mirrorProfiles(
  profiles: readonly string[],
  key: MirrorKey,
  options: ImageOptions,
  output: Output,
): Promise<void> {
  // Before the downloads, so that a key that cannot sign is reported at once.
  const privateKey = await readKey(key.file);
  const keyName = key.name ?? `${basename(key.file)}.pub`;
  const store = new BlobStore(options.cache, output.say);
  const locks: Lock[] = [];
  const files = new Map<string, string>();
  const archives = new Map<string, ArchivedRuntime>();
  for (const name of profiles) {
    const { lock, lockRequest, node } = await prepareLock(name, options);
    locks.push(lock);
    const { items, findRoute } = await listDownloads(lockRequest, lock.packages);
    const fetched = await fetchAll(items, { store, signal: options.signal, findRoute });
    for (const [sha256, file] of fetched.files) files.set(sha256, file);
    if (node?.runtime.from === 'archive') {
      archives.set(makeArchiveName(node.runtime.url), node.runtime);
    }
  }
  const directory = resolve(options.projectDirectory, options.outputDirectory);
  await writeMirror(directory, { locks, files, signer: { keyName, privateKey } });
  for (const [name, runtime] of archives) {
    const item = makeNodeDownload(runtime, options.mirror);
    const fetched = await fetchAll([item], { store, signal: options.signal });
    const target = join(directory, ARCHIVE_FOLDER, name);
    await mkdir(dirname(target), { recursive: true });
    await makeAtomically(target, (temporary) =>
      copyFile(must(fetched.files.get(runtime.sha256), `file of ${name}`), temporary),
    );
  }
  const bytes = locks.flatMap(({ packages }) => packages).reduce((sum, { size }) => sum + size, 0);
  output.say(`${directory}: ${files.size} packages, ${formatBytes(bytes)}, signed as ${keyName}`);
  output.say(
    `Build from it: make iso BASE=alpine MIRROR=file://${directory} KEYS=${directory}/keys`,
  );
}

async function readKey(file: string): Promise<KeyObject> {
  const text = await readFile(file, 'utf8').catch((cause: unknown) => {
    throw new BuildError({
      what: 'the private key cannot be read',
      where: file,
      fix: 'Make one: openssl genrsa -out me.rsa 4096',
      cause,
    });
  });
  return readIndexKey(text, file);
}
