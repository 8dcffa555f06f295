import { existsSync } from 'node:fs';
import { copyFile, mkdir } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { execa } from 'execa';

/** Real Alpine 3.19 as published: packages, and the signed indexes of `main` and of its ISO. Not part of the project. */
const FOLDER = resolve(import.meta.dirname, '../../../shared/testdata/alpine-3.19-x86_64');

/** Whether the real packages are there; tests that need them are skipped by name where they are not. */
export const haveRealPackages = existsSync(FOLDER);

/** A package of Alpine: its stanza in the index that it was published with, and the file. */
export interface RealPackage {
  readonly name: string;
  readonly stanza: string;
  readonly file: string;
}

/** Every package whose file is there; none twice. */
export async function realPackages(): Promise<RealPackage[]> {
  const found = new Map<string, RealPackage>();
  for (const repository of ['iso', 'main']) {
    const place = join(FOLDER, repository, 'x86_64');
    const index = await execa('tar', ['-xzOf', join(place, 'APKINDEX.tar.gz'), 'APKINDEX']);
    for (const stanza of index.stdout.split('\n\n')) {
      const [, name] = /^P:(.*)$/m.exec(stanza) ?? [];
      const [, version] = /^V:(.*)$/m.exec(stanza) ?? [];
      if (name === undefined || version === undefined) continue;
      const file = join(place, `${name}-${version}.apk`);
      const key = basename(file);
      if (existsSync(file) && !found.has(key)) {
        found.set(key, { name, stanza: `${stanza.trim()}\n\n`, file });
      }
    }
  }
  return [...found.values()];
}

/** Copies packages into a folder of a repository. */
export async function copyPackages(packages: readonly RealPackage[], place: string): Promise<void> {
  await mkdir(place, { recursive: true });
  await Promise.all(packages.map(({ file }) => copyFile(file, join(place, basename(file)))));
}
