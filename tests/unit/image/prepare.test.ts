import { afterEach, expect, test, vi } from 'vitest';
import { cacheRooms } from '../../../build/cache/directory.ts';
import { ensureInstalled } from '../../../build/host/install.ts';
import { baseRequirements, lockRequirements } from '../../../build/host/requirements.ts';
import { type ImageOptions, prepareImage, prepareLock } from '../../../build/image/prepare.ts';
import { temporaryFolder } from '../folder.ts';
import { PROJECT } from '../profile/profiles.ts';

afterEach(() => vi.unstubAllEnvs());

/** What is asked for on a host without any tools. */
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

test('to read a lock no tool is needed', async () => {
  const { lock, node } = await prepareLock('qvdc', await withoutTools());
  expect(lock.packages.length).toBeGreaterThan(100);
  expect(node).toMatchObject({ runtime: { from: 'npm' }, codeCache: true });
});

test('what a build adds is said; a release takes none of it, and nothing adds packages to a frozen lock', async () => {
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

test('to explain what a build would do no tool is needed; to build, each is demanded', async () => {
  const options = await withoutTools();
  const { facts } = await prepareImage('qvdc', { ...options, withoutTools: true });
  expect(facts.toolVersions).toMatchObject({ xorriso: 'not on this host' });
  await expect(prepareImage('qvdc', options)).rejects.toThrow(/is (?:not installed|missing)/);
});

test('to write a lock of Debian apt is needed, of Alpine nothing, and never what makes images', () => {
  const names = lockRequirements('debian').map(({ name }) => name);
  expect(names).toContain('apt-get');
  for (const name of ['grub-mkimage', 'mksquashfs', 'xorriso', 'mformat']) {
    expect(names).not.toContain(name);
  }
  expect(lockRequirements('alpine')).toEqual([]);
});

test('a host without apt is told where images from Debian can be built; images from Alpine need no more than is asked for anyway', async () => {
  await withoutTools();
  const told: string[] = [];
  const say = (line: string) => told.push(line);
  await expect(ensureInstalled(baseRequirements('debian'), { say })).rejects.toThrow(
    /images from Debian need apt, and this host lacks apt-get.*BASE=alpine/,
  );
  await ensureInstalled(baseRequirements('alpine'), { say });
  expect(told).toEqual([]);
});
