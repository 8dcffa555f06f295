import { generateKeyPairSync } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { beforeAll, expect, test } from 'vitest';
import { cacheDirectory } from '../../build/cache/directory.ts';
import { makeMediumPaths } from '../../build/disk/medium-paths.ts';
import { run } from '../../build/process/run.ts';
import { mirrorFromDebian } from '../alpine-mirror/from-debian.ts';
import { nameNode, nodeArchive, packNode } from '../alpine-mirror/node-archive.ts';
import { temporaryFolder } from '../unit/folder.ts';
import { PROJECT } from '../vm/build-images.ts';
import { addHello } from './hello.ts';
import { forgetImages, openWorkshop, type Workshop } from './workshop.ts';

const ALPINE = ['--base', 'alpine', '--profile', 'qvdc'];
/** Address of Node in the profile; the file is only on the mirrors. */
const NOWHERE = 'http://127.0.0.1:9';
let connected: Workshop;
let site: Workshop;
let from: string[];
let sha256: string | undefined;
let iso: string;

beforeAll(async () => {
  [connected, site] = [await openAlone(), await openAlone()];
  const { folder, keys } = await mirrorFromDebian({
    profile: 'qvdc',
    folder: join(connected.directory, 'whole'),
    projectDirectory: PROJECT,
    cache: cacheDirectory(),
  });
  await packNode(folder, PROJECT);
  for (const { directory } of [connected, site]) {
    await addHello(directory);
    await nameNode(directory, { mirror: folder, url: NOWHERE });
  }
  from = ['--mirror', `file://${folder}`, '--keys-dir', keys];
  return async () => {
    await connected[Symbol.asyncDispose]();
    await site[Symbol.asyncDispose]();
  };
});

/** A workshop that shares no downloads with others. */
async function openAlone(): Promise<Workshop> {
  const workshop = await openWorkshop();
  for (const room of ['blobs', 'opened', 'apt'] as const) {
    await rm(workshop.cache[room]);
    await mkdir(workshop.cache[room]);
  }
  return workshop;
}

test('an image is built from the lock that was written from a mirror', async () => {
  const locked = await connected.run(['lock', ...ALPINE, ...from]);
  expect(locked.exitCode, locked.stderr).toBe(0);
  // The mirror's scripts are not Alpine's, so they are unreviewed.
  expect(locked.stdout).toMatch(/redis: \{ reason: .*, sha256: \{ 'pre-install': '\w{64}'/);
  expect(locked.stdout).toMatch(/openrc \S+\n {2}post-install, changed since its review:/);
  const built = await connected.run(['iso', ...ALPINE, ...from, '--frozen-lock', '--json']);
  expect(built.exitCode, built.stderr).toBe(0);
  sha256 = built.built.get('qvdc')?.sha256;
  expect(built.stdout).toMatch(/nobody reviewed these scripts of packages, and none is run/);
  iso = built.built.get('qvdc')?.file ?? '';
  const { scriptsNotRun } = JSON.parse(await readFile(`${iso}.manifest.json`, 'utf8'));
  expect(scriptsNotRun).toContainEqual(
    expect.objectContaining({ package: 'redis', text: expect.stringContaining('script-was-run') }),
  );
});

test('no script of a package was run, neither in the image nor on this host', async () => {
  const folder = await temporaryFolder();
  const system = join(folder, 'system.squashfs');
  const { system: path } = makeMediumPaths('quantix');
  await run('xorriso', ['-osirrox', 'on', '-indev', iso, '-extract', path, system]);
  const { stdout } = await execa('unsquashfs', ['-ls', '-d', '', system]);
  const names = stdout.split('\n');
  expect(names).toContain('/etc/passwd');
  expect(names).not.toContain('/script-was-run');
  expect(existsSync('/script-was-run')).toBe(false);
});

test('a release is refused as long as nobody reviewed the scripts of its packages', async () => {
  const { exitCode, stderr } = await connected.run(['iso', ...ALPINE, ...from, '--release']);
  expect(exitCode).toBe(1);
  expect(stderr).toContain(
    'nobody reviewed these scripts of packages, so this cannot be a release',
  );
});

test('a build without --base uses Alpine once Alpine is locked', async () => {
  const { stdout } = await connected.run(['iso', '--profile', 'qvdc', ...from, '--json']);
  expect(stdout).toContain('qvdc: packages come from Alpine: it is locked');
  expect(stdout).toContain('"upToDate":true');
});

test('an image is built again from the cache alone, without a mirror', async () => {
  await forgetImages(connected);
  await rm(connected.cache.images, { recursive: true });
  const nowhere = ['--mirror', 'file:///nowhere', '--offline'];
  const again = await connected.run(['iso', ...ALPINE, ...nowhere, '--json']);
  expect(again.exitCode, again.stderr).toBe(0);
  expect(again.built.get('qvdc')?.sha256).toBe(sha256);
});

test('a site with nothing but a partial mirror and its key builds the same image', async () => {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const key = join(connected.directory, 'site.rsa');
  await writeFile(key, privateKey.export({ type: 'pkcs8', format: 'pem' }));
  const partial = join(site.directory, 'stick');
  const mirror = ['mirror', ...ALPINE, ...from, '--key', key, '--output', partial];
  const written = await connected.run(mirror);
  expect(written.exitCode, written.stderr).toBe(0);
  const here = ['--mirror', `file://${partial}`, '--keys-dir', join(partial, 'keys')];
  const built = await site.run(['iso', ...ALPINE, ...here, '--json']);
  expect(built.exitCode, built.stderr).toBe(0);
  expect(built.stdout).toContain('qvdc: resolved anew (there is no lock yet)');
  expect(built.built.get('qvdc')?.sha256).toBe(sha256);
});

test('a Node that is not the one in the profile is refused', async () => {
  const partial = join(site.directory, 'stick');
  const bytes = await readFile(nodeArchive(partial));
  bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] ?? 0) ^ 1;
  await writeFile(nodeArchive(partial), bytes);
  for (const room of ['steps', 'images', 'blobs'] as const) {
    await rm(site.cache[room], { recursive: true });
  }
  const here = ['--mirror', `file://${partial}`, '--keys-dir', join(partial, 'keys')];
  const { exitCode, stderr } = await site.run(['iso', ...ALPINE, ...here]);
  expect(exitCode).toBe(1);
  expect(stderr).toMatch(/Node \d+\.\d+\.\d+.*expected SHA-256/);
});

test('an offline build whose cache lacks something reports what is missing', async () => {
  await rm(site.cache.resolved, { recursive: true });
  const { exitCode, stderr } = await site.run(['iso', ...ALPINE, '--offline']);
  expect(exitCode).toBe(1);
  expect(stderr).toContain('has to be resolved anew, which needs a mirror');
});
