import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { type RepositoryIndex, readIndex } from '../../../build/base/alpine/index/read.ts';
import { readTrustedKeys } from '../../../build/base/alpine/signature/keys.ts';
import { keys } from '../../../profiles/shared/alpine-keys.ts';

/**
 * Alpine 3.19 for x86_64 as it was published: `main` and `community` have the whole signed indexes and some of the
 * packages, `iso` has packages and an index of exactly these. Not part of the project.
 */
export const ALPINE_3_19 = resolve(
  import.meta.dirname,
  '../../../../shared/testdata/alpine-3.19-x86_64',
);

/** Whether these files exist; otherwise, tests that need them are skipped, with their names. */
export const haveAlpine319 = existsSync(ALPINE_3_19);

/** Reads the index of a repository, and verifies it with the keys that the profiles trust. */
export function realIndex(repository: 'iso' | 'main' | 'community'): RepositoryIndex {
  const where = join(ALPINE_3_19, repository, 'x86_64/APKINDEX.tar.gz');
  const bytes = readFileSync(where);
  return readIndex({ bytes, keys: readTrustedKeys(Object.entries(keys)), where });
}

/** Path of a package, whatever its version; `undefined` if only an index has it. */
export function realPackage(name: string): string | undefined {
  for (const repository of ['main', 'community', 'iso']) {
    const folder = join(ALPINE_3_19, repository, 'x86_64');
    const file = readdirSync(folder).find((one) => one.replace(VERSION, '') === name);
    if (file !== undefined) return join(folder, file);
  }
  return undefined;
}

const VERSION = /-[^-]+-r\d+\.apk$/;
