import { cp, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { cacheRooms } from '../../../build/cache/directory.ts';
import { ensureInstalled } from '../../../build/host/install.ts';
import { listBaseRequirements, lockRequirements } from '../../../build/host/requirements.ts';
import { type ImageOptions, prepareImage, prepareLock } from '../../../build/image/prepare.ts';
import { temporaryFolder } from '../folder.ts';
import { PROJECT } from '../profile/profiles.ts';

afterEach(() => vi.unstubAllEnvs());

/** Removes all tools from the search path. @returns options of an image */
async function withoutTools(): Promise<ImageOptions> {
  vi.stubEnv('PATH', '/nonexistent');
  return {
    projectDirectory: PROJECT,
    cache: cacheRooms(await temporaryFolder()),
    outputDirectory: 'dist',
    base: 'debian',
    architecture: 'x86_64',
    release: false,
    offline: true,
    say: () => {},
  };
}

test('reading a lock needs no tool', async () => {
  const { lock, node } = await prepareLock('qvdc', await withoutTools());
  expect(lock.packages.length).toBeGreaterThan(100);
  expect(node).toMatchObject({ runtime: { from: 'npm' }, codeCache: true });
});

test('additions to a build are reported; a release refuses them, and a frozen lock refuses packages', async () => {
  const said: string[] = [];
  const options = { ...(await withoutTools()), say: (line: string) => said.push(line) };
  const cmdline = { packages: [], cmdline: ['nomodeset'] };
  const { profile, lock } = await prepareLock('qvdc', { ...options, added: cmdline });
  expect(profile.cmdline.at(-1)).toBe('nomodeset');
  expect(lock).toEqual((await prepareLock('qvdc', options)).lock);
  expect(said).toEqual([
    'qvdc: this image differs from its profile and lock: it is built with --cmdline "nomodeset"',
  ]);
  const release = { ...options, release: true };
  await expect(prepareLock('qvdc', { ...release, added: cmdline })).rejects.toThrow(
    'a release of qvdc cannot be built with --cmdline "nomodeset"',
  );
  const added = { packages: ['htop'], cmdline: [] };
  await expect(prepareLock('qvdc', { ...release, added })).rejects.toThrow(
    'cannot be built with --package htop',
  );
  await expect(prepareLock('qvdc', { ...options, frozenLock: true, added })).rejects.toThrow(
    'in which htop cannot be added',
  );
});

test('explaining a build needs no tool; building needs all of them', async () => {
  const options = await withoutTools();
  const { facts } = await prepareImage('qvdc', { ...options, withoutTools: true });
  expect(facts.toolVersions).toMatchObject({ xorriso: 'not on this host' });
  await expect(prepareImage('qvdc', options)).rejects.toThrow(/is (?:not installed|missing)/);
});

test('writing a lock needs apt for Debian and nothing for Alpine, and never the tools that make images', () => {
  const names = lockRequirements('debian').map(({ name }) => name);
  expect(names).toContain('apt-get');
  for (const name of ['grub-mkimage', 'mksquashfs', 'xorriso', 'mformat']) {
    expect(names).not.toContain(name);
  }
  expect(lockRequirements('alpine')).toEqual([]);
});

test('without apt the error for Debian says where its images can be built, and Alpine needs no further tools', async () => {
  await withoutTools();
  const told: string[] = [];
  const say = (line: string) => told.push(line);
  await expect(ensureInstalled(listBaseRequirements('debian'), { say })).rejects.toThrow(
    /images from Debian need apt, and this host lacks apt-get.*BASE=alpine/,
  );
  await ensureInstalled(listBaseRequirements('alpine'), { say });
  expect(told).toEqual([]);
});

describe('an appliance without the program that makes the partitions of a disk', () => {
  /** Writes a profile like that of qvdc, but without programs of the project, and its lock. @returns its path */
  async function writeProfile(overlays: readonly string[]): Promise<string> {
    const folder = await temporaryFolder();
    const file = join(folder, 'lab.ts');
    const own = { name: 'lab', namespace: 'lab', programs: [], overlays };
    const qvdc = JSON.stringify(join(PROJECT, 'profiles/qvdc.ts'));
    await writeFile(
      file,
      `import qvdc from ${qvdc};\nexport default { ...qvdc, ...${JSON.stringify(own)} };\n`,
    );
    await cp(
      join(PROJECT, 'profiles/qvdc.debian.x86_64.lock.json'),
      join(folder, 'lab.debian.x86_64.lock.json'),
    );
    await mkdir(join(folder, 'starter/usr/sbin'), { recursive: true });
    await writeFile(join(folder, 'starter/usr/sbin/qx-disk'), '#!/bin/sh\n', { mode: 0o755 });
    return file;
  }

  test.each(['raw', 'qcow2'] as const)('is refused as a disk in the format %s', async (format) => {
    const options = { ...(await withoutTools()), withoutTools: true, format };
    const file = await writeProfile([]);
    await expect(prepareImage(file, options)).rejects.toThrow(
      `lab has no program qx-disk, which makes the partitions of a disk image when it first starts (${file}). ` +
        'Name it in programs, add an overlay with /usr/sbin/qx-disk, or build an ISO: --format iso.',
    );
  });

  test('is built as an ISO, and as a disk if an overlay has the program', async () => {
    const options = { ...(await withoutTools()), withoutTools: true };
    const plain = await prepareImage(await writeProfile([]), options);
    expect(plain.file).toMatch(/\.iso$/);
    const own = await writeProfile(['./starter']);
    const disk = await prepareImage(own, { ...options, format: 'raw' });
    expect(disk.file).toMatch(/\.raw$/);
  });
});
