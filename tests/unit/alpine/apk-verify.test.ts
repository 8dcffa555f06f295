import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { main } from '../../../tasks/command-line.ts';
import { packIndex } from '../../alpine-mirror/index.ts';
import { makeKey } from '../../alpine-mirror/key.ts';
import { packPackage } from '../../alpine-mirror/package.ts';
import { captureOutput } from '../tasks/captured-output.ts';
import { directory, file } from '../tree/trees.ts';
import { key } from './opened.ts';

const output = captureOutput();

/** A folder with a package and an index, signed by a key in its folder of keys. */
async function signedFiles() {
  const folder = await mkdtemp(join(tmpdir(), 'quantix-apk-verify-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const entries = [directory('usr'), file('usr/a', 'content')];
  const { bytes, stanza } = await packPackage({ name: 'a', version: '1-r0', entries }, { key });
  const paths = { apk: join(folder, 'a.apk'), index: join(folder, 'APKINDEX.tar.gz') };
  await writeFile(paths.apk, bytes);
  await writeFile(paths.index, packIndex({ stanzas: [stanza] }, key));
  await writeFile(join(folder, key.name), key.pem);
  return { ...paths, bytes, folder };
}

test('intact signed packages and indexes are reported, a line each', async () => {
  const { apk, index, folder } = await signedFiles();
  expect(await main(['apk', 'verify', '--keys-dir', folder, apk, index])).toBe(0);
  expect(output.printed).toBe(`${apk}: OK\n${index}: OK, 1 packages\n`);
});

test('a changed file is named with the error, and the other files are checked', async () => {
  const { apk, index, bytes, folder } = await signedFiles();
  const changed = Buffer.from(bytes);
  changed[changed.length - 20] = (changed[changed.length - 20] ?? 0) ^ 1;
  await writeFile(apk, changed);
  expect(await main(['apk', 'verify', '--keys-dir', folder, apk, index])).toBe(1);
  expect(output.printed).toMatch(new RegExp(`^${apk}: .+\\n${index}: OK, 1 packages\\n$`));
  expect(output.complained).toBe('qx-build: 1 of 2 files are not good.\n');
});

test('a file signed by another key, and a missing file, are refused', async () => {
  const { apk, folder } = await signedFiles();
  const stranger = makeKey('stranger.rsa.pub');
  await writeFile(
    apk,
    (await packPackage({ name: 'a', version: '1-r0' }, { key: stranger })).bytes,
  );
  expect(await main(['apk', 'verify', '--keys-dir', folder, apk])).toBe(1);
  expect(output.complained).toContain('it is signed by stranger.rsa.pub');
  const missing = join(folder, 'none.tar.gz');
  expect(await main(['apk', 'verify', '--keys-dir', folder, missing])).toBe(1);
  expect(output.complained).toContain('cannot be read: ENOENT');
  expect((await readFile(apk)).length).toBeGreaterThan(0);
});
