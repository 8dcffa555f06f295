import { afterEach, expect, test, vi } from 'vitest';
import { cacheRooms } from '../../../build/cache/directory.ts';
import { ensureInstalled } from '../../../build/host/install.ts';
import { baseRequirements, lockRequirements } from '../../../build/host/requirements.ts';
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
    'qvdc: this image is not what profile and lock say, but with --cmdline "nomodeset"',
  ]);
  const release = { ...options, release: true };
  await expect(prepareLock('qvdc', { ...release, added: cmdline })).rejects.toThrow(
    'a release of qvdc is what profile and lock say, without --cmdline "nomodeset"',
  );
  const added = { packages: ['htop'], cmdline: [] };
  await expect(prepareLock('qvdc', { ...release, added })).rejects.toThrow(
    'without --package htop',
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

test('on a host without apt the error says where images from Debian can be built; images from Alpine need no further tools', async () => {
  await withoutTools();
  const told: string[] = [];
  const say = (line: string) => told.push(line);
  await expect(ensureInstalled(baseRequirements('debian'), { say })).rejects.toThrow(
    /images from Debian need apt, and this host lacks apt-get.*BASE=alpine/,
  );
  await ensureInstalled(baseRequirements('alpine'), { say });
  expect(told).toEqual([]);
});
