import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { execa } from 'execa';
import { expect, onTestFinished, test } from 'vitest';
import { readTarBuffer } from '../../../build/base/alpine/archive/tar.ts';
import { packRepository } from '../../alpine-mirror/index.ts';
import { directory, file } from '../tree/trees.ts';
import { key } from './opened.ts';

const PROJECT = resolve(import.meta.dirname, '../../..');

/** A file capability: `cap_net_raw`. */
const ATTRIBUTES = { 'security.capability': '0100000200200000000000000000000000000000' };

/** Runs `qx-build apk tree` on a mirror with package `a` in it. */
async function apkTree(words: string[]) {
  const folder = await mkdtemp(join(tmpdir(), 'quantix-apk-tree-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  await writeFile(join(folder, key.name), key.pem);
  const entries = [
    directory('usr'),
    file('usr/a', 'content', { mode: 0o4755, uid: 7 }),
    { ...file('usr/ping', 'content'), attributes: ATTRIBUTES },
  ];
  await packRepository({ folder, key, packages: [{ name: 'a', version: '1-r0', entries }] });
  const options = ['--arch', 'x86_64', '--keys-dir', folder, '--repository', folder];
  return execa(process.execPath, ['tasks/qx-build.ts', 'apk', 'tree', ...options, ...words], {
    cwd: PROJECT,
    env: { QUANTIX_CACHE: join(folder, 'cache') },
    encoding: 'buffer',
    reject: false,
  });
}

test('standard output is a tar with owners, modes and extended attributes, and nothing else', async () => {
  const { exitCode, stdout, stderr } = await apkTree(['--world-arg', '!b', '--', 'a>0']);
  expect([exitCode, Buffer.from(stderr).toString()]).toEqual([0, '']);
  const { entries, ended } = readTarBuffer(Buffer.from(stdout), 'stdout');
  expect(ended).toBe(true);
  const at = (name: string) => entries.find(({ header }) => header.name === name);
  expect(at('usr/a')?.header).toMatchObject({ mode: 0o4755, uid: 7 });
  expect(at('usr/ping')?.header.attributes).toEqual(ATTRIBUTES);
  expect(at('etc/apk/world')?.content.toString()).toBe('a>0\n!b\n');
  expect(at('lib/apk/db/installed')?.content.toString()).toContain('R:a\na:7:0:4755\n');
});

test('a package that does not exist is reported in one line, with nothing on standard output', async () => {
  const { exitCode, stdout, stderr } = await apkTree(['--', 'unheard-of']);
  expect([exitCode, stdout.length]).toEqual([1, 0]);
  expect(Buffer.from(stderr).toString()).toMatch(/^qx-build: .*cannot be installed together/);
});
