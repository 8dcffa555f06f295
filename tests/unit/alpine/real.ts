import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';

/** The main repository of Alpine 3.17 as it was in May 2023: index, its key, one package. Not part of the project. */
const FOLDER = resolve(import.meta.dirname, '../../../../shared/testdata/alpine-3.17-main-aarch64');

/** Whether the real data exists; otherwise, tests that need it are skipped, with their names. */
export const haveReal = existsSync(FOLDER);

export const REAL_KEY = 'alpine-devel@lists.alpinelinux.org-616ae350.rsa.pub';
export const REAL_PACKAGE = resolve(FOLDER, 'alpine-baselayout-3.4.0-r0.apk');

export function realFile(name: string): Buffer {
  return readFileSync(resolve(FOLDER, name));
}
