import { resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import {
  type SelectedPackage,
  selectPackages,
  Unsatisfiable,
} from '../../../build/base/alpine/repository/select.ts';
import { composeWorld } from '../../../build/base/alpine/request.ts';
import { readScripts } from '../../../build/base/alpine/scripts.ts';
import { listUnreviewed, nameScripts } from '../../../build/contract/scripts.ts';
import { loadProfile } from '../../../build/profile/load.ts';
import { FLAVOURS, type Flavour, findSettings } from '../../../build/profile/profile.ts';
import { haveAlpine319, realIndex, realPackage } from '../alpine/alpine-3.19.ts';
import { locked as sampleLocked } from '../lock/locks.ts';

const PROJECT = resolve(import.meta.dirname, '../../..');
const PROFILES = ['quantix-os', 'qvdc'] as const;

/** Packages of the profiles that Alpine 3.19 does not have yet. */
const NEWER: ReadonlySet<string> = new Set([
  'etcd',
  'etcd-ctl',
  'postgresql18',
  'postgresql18-contrib',
]);

describe.skipIf(!haveAlpine319)('the profiles on the indexes of Alpine 3.19', () => {
  const repositories = haveAlpine319
    ? (['main', 'community'] as const).map((name) => ({
        ...realIndex(name),
        url: `https://mirror.invalid/${name}`,
        tag: '',
      }))
    : [];
  const provided = repositories.flatMap(({ packages }) =>
    packages.flatMap(({ fields }) => [
      fields.get('P') ?? '',
      ...(fields.get('p') ?? '').split(' ').map((one) => one.replace(/[<>=~].*/, '')),
    ]),
  );
  const known = new Set(provided);
  const settingsOf = async (name: string) =>
    findSettings(await loadProfile(PROJECT, name), 'alpine');

  const selections = new Map<string, Promise<readonly SelectedPackage[]>>();
  /** The packages that an image gets; they are selected once, which takes a second. */
  function selected(name: string, flavour: Flavour): Promise<readonly SelectedPackage[]> {
    const key = `${name} ${flavour}`;
    const known = selections.get(key) ?? select(name, flavour);
    selections.set(key, known);
    return known;
  }
  async function select(name: string, flavour: Flavour): Promise<readonly SelectedPackage[]> {
    const wanted = composeWorld(await settingsOf(name), flavour).filter((one) => !NEWER.has(one));
    return selectPackages({ repositories, wanted, architecture: 'x86_64' }).packages;
  }

  test('request only known packages, except those of later releases', async () => {
    const all = await Promise.all(PROFILES.map(settingsOf));
    const asked = all.flatMap(({ packages, kernel, busybox, grub }) => [
      ...[...packages, busybox, ...grub],
      ...Object.values(kernel).flatMap((one) => one ?? []),
    ]);
    const unknown = new Set(asked.filter((name) => !known.has(name)));
    expect([...unknown].sort()).toEqual([...NEWER]);
  });

  test('lead to an error that names exactly the missing packages', async () => {
    const wanted = composeWorld(await settingsOf('qvdc'), 'full');
    try {
      selectPackages({ repositories, wanted, architecture: 'x86_64' });
      expect.unreachable();
    } catch (error) {
      if (!(error instanceof Unsatisfiable)) throw error;
      expect([...error.unknown].sort()).toEqual([...NEWER]);
      expect(error.lines).toHaveLength(NEWER.size);
      const [line] = error.lines.filter((one) => one.includes(' postgresql18,'));
      expect(line).toMatch(/did you mean postgresql1\d/);
    }
  });

  test.each(PROFILES)('every available package script of %s is reviewed', async (name) => {
    const profile = await loadProfile(PROJECT, name);
    const archives = (await selected(name, 'full')).flatMap(({ fields }) => {
      const own = fields.get('P') ?? '';
      const file = realPackage(own);
      return file === undefined ? [] : [{ locked: sampleLocked(own), file }];
    });
    const scripts = await readScripts(archives, profile);
    expect(new Set(scripts.map((one) => one.package))).toContain('busybox');
    expect(nameScripts(listUnreviewed(scripts))).toBe('');
  });

  // A change of a profile or of the solver shows as a diff of the list; `vitest run -u` rewrites it.
  test.each(PROFILES)('%s gets the packages of the snapshot', async (name) => {
    const ofFlavours = await Promise.all(FLAVOURS.map((flavour) => selected(name, flavour)));
    const flavours = ofFlavours.map(
      (packages) => new Set(packages.map(({ fields }) => `${fields.get('P')} ${fields.get('V')}`)),
    );
    const all = new Set(flavours.flatMap((packages) => [...packages]));
    const lines = [...all].sort().map((line) => {
      const [only, ...others] = FLAVOURS.filter((_, index) => flavours[index]?.has(line));
      return others.length > 0 ? line : `${line} (${only})`;
    });
    await expect(`${lines.join('\n')}\n`).toMatchFileSnapshot(`alpine-3.19/${name}.txt`);
  });
});
