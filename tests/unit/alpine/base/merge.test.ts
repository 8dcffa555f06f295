import { afterEach, beforeEach, expect, test } from 'vitest';
import { alpine } from '../../../../build/base/alpine/base.ts';
import type { Profile } from '../../../../build/profile/profile.ts';
import { ContentReader } from '../../../../build/tree/content.ts';
import type { Entry } from '../../../../build/tree/entry.ts';
import { Tree } from '../../../../build/tree/tree.ts';
import type { PackageRecipe } from '../../../alpine-mirror/recipe.ts';
import { directory, file, symlink } from '../../tree/trees.ts';
import { lockOf, openWorkplace, PACKAGES, profileOf, program, type Workplace } from './mirrored.ts';

let place: Workplace;

beforeEach(async () => {
  place = await openWorkplace();
});

afterEach(() => place[Symbol.asyncDispose]());

/** Returns a profile in the form in which a base receives it. */
const handed = (profile: Profile) => ({ ...profile, settings: alpine.settings(profile) });

/** Makes the tree of an image from these packages, with the kernel for virtual machines. */
async function merged(
  packages: readonly PackageRecipe[],
  profile: Profile = profileOf(),
  before: readonly Entry[] = [],
) {
  const mirror = await place.mirror('mirror', packages);
  const resolution = await alpine.resolve(place.request({ mirror, profile }));
  const lock = lockOf(resolution);
  const ofVirt = lock.packages.filter(({ flavour }) => flavour !== 'full');
  const reader = new ContentReader();
  const tree = new Tree(reader);
  for (const entry of before) tree.add(entry);
  const opened = await place.open({ packages: ofVirt }, mirror, profile);
  alpine.merge(tree, opened, { profile: handed(profile), flavour: 'virt', reader });
  return { tree };
}

test('the tree has the packages of one kernel, and apk’s database of them', async () => {
  const { tree } = await merged(PACKAGES);
  expect(tree.text('usr/bin/library')).toBe('library');
  expect(tree.at('usr/bin/linux-lts')).toBeUndefined();
  expect(tree.text('etc/apk/world')).toBe('base\nlinux-virt\n');
  expect(tree.text('lib/apk/db/installed')?.match(/^P:.*/gm)).toEqual([
    'P:base',
    'P:library',
    'P:linux-virt',
  ]);
  expect(tree.text('etc/apk/repositories')).toMatch(/^https:\/\/\S+\/v3\.24\/main\n$/);
  expect(tree.text('etc/apk/keys/test.rsa.pub')).toContain('BEGIN PUBLIC KEY');
});

test('with a merged /usr, a file in /lib replaces a link in /usr/lib that points to it', async () => {
  const library = program('library', {
    entries: [
      directory('lib'),
      file('lib/libx.so.1', 'the library'),
      directory('usr'),
      directory('usr/lib'),
      symlink('usr/lib/libx.so', 'libx.so.1'),
      symlink('usr/lib/libx.so.1', '../../lib/libx.so.1'),
    ],
  });
  const packages = PACKAGES.map((one) => (one.name === 'library' ? library : one));
  const { tree } = await merged(packages, profileOf(), alpine.skeleton());
  for (const path of ['lib/libx.so.1', 'usr/lib/libx.so.1', 'usr/lib/libx.so']) {
    expect(tree.text(path)).toBe('the library');
  }
});

test('a script is stored and never run, reviewed or not', async () => {
  for (const profile of [profileOf(), profileOf({ scripts: {} })]) {
    const { tree } = await merged(PACKAGES, profile);
    expect(tree.text('lib/apk/db/scripts.tar')).toContain('.post-install');
  }
});

test('a package that replaces another gets the common file, whatever their order by name', async () => {
  const other = program('another', {
    replaces: ['library'],
    entries: (program('library').entries ?? []).map((entry) =>
      entry.type === 'file'
        ? { ...entry, size: 3, content: { in: 'memory', bytes: Buffer.from('new') } }
        : entry,
    ),
  });
  const profile = profileOf({ packages: ['base', 'another'] });
  const { tree } = await merged([...PACKAGES, other], profile);
  expect(tree.text('usr/bin/library')).toBe('new');
});

test('two packages with the same file are refused, and the error names the file', async () => {
  const other = program('another', { entries: program('library').entries ?? [] });
  const profile = profileOf({ packages: ['base', 'another'] });
  await expect(merged([...PACKAGES, other], profile)).rejects.toThrow(/usr\/bin\/library/);
});

test('a package that the profile leaves out is not installed, and the world forbids it', async () => {
  const guest = program('guest', { installIf: ['base'] });
  const profile = profileOf({ without: { guest: 'nobody wants it here' } });
  const { tree } = await merged([...PACKAGES, guest], profile);
  expect(tree.at('usr/bin/guest')).toBeUndefined();
  expect(tree.text('etc/apk/world')).toBe('base\n!guest\nlinux-virt\n');
});

test('a lock with a package that nothing asks for is refused', async () => {
  const mirror = await place.mirror('mirror', PACKAGES);
  const profile = profileOf();
  const wide = profileOf({ packages: ['base', 'linux-virt', 'linux-lts'] });
  const resolution = await alpine.resolve(place.request({ mirror, profile: wide }));
  const lock = lockOf(resolution);
  const opened = await place.open(lock, mirror, profile);
  using reader = new ContentReader();
  const context = { profile: handed(profile), flavour: 'virt', reader } as const;
  expect(() => alpine.merge(new Tree(reader), opened, context)).toThrow(
    'the lock has packages that nothing asks for: linux-lts',
  );
});
