import { existsSync } from 'node:fs';
import { copyFile, mkdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { must } from '../../build/error.ts';
import { ALPINE_3_19, haveAlpine319, realIndex } from '../unit/alpine/alpine-3.19.ts';

/** Whether the real packages of Alpine exist; otherwise, tests that need them are skipped, with their names. */
export const haveRealPackages = haveAlpine319;

/** A package of Alpine: its stanza in the index that it was published with, and the file. */
export interface RealPackage {
  readonly name: string;
  readonly stanza: string;
  readonly file: string;
}

/** Lists the packages whose files exist, each once. */
export function realPackages(): RealPackage[] {
  const found = new Map<string, RealPackage>();
  for (const repository of ['iso', 'main'] as const) {
    for (const { fields, text } of realIndex(repository).packages) {
      const name = must(fields.get('P'), 'name of a package');
      const archive = `${name}-${fields.get('V')}.apk`;
      const file = join(ALPINE_3_19, repository, 'x86_64', archive);
      if (found.has(archive) || !existsSync(file)) continue;
      found.set(archive, { name, stanza: `${text.trim()}\n\n`, file });
    }
  }
  return [...found.values()];
}

/** Copies packages into a folder of a repository. */
export async function copyPackages(packages: readonly RealPackage[], place: string): Promise<void> {
  await mkdir(place, { recursive: true });
  await Promise.all(packages.map(({ file }) => copyFile(file, join(place, basename(file)))));
}
