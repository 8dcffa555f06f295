import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { alpine } from '../../../../build/base/alpine/base.ts';
import { cacheRooms } from '../../../../build/cache/directory.ts';
import { OpenedStore } from '../../../../build/cache/opened.ts';
import type { OpenedPackage, Resolution, ResolveRequest } from '../../../../build/contract/base.ts';
import type { Lock } from '../../../../build/contract/lock.ts';
import { checkProfile } from '../../../../build/profile/load.ts';
import { type Profile, selectProfile } from '../../../../build/profile/profile.ts';
import type { ProfileInput } from '../../../../build/profile/schema.ts';
import written from '../../../../profiles/qvdc.ts';
import { packRepository } from '../../../alpine-mirror/index.ts';
import { makeKey } from '../../../alpine-mirror/key.ts';
import type { PackageRecipe } from '../../../alpine-mirror/recipe.ts';
import { directory, file } from '../../tree/trees.ts';

export const KEY = makeKey('test.rsa.pub');
const STRANGER = makeKey('stranger.rsa.pub');

/** The script of `base`. */
export const SCRIPT = '#!/bin/sh\n';

/** Returns a review of a script with this text. */
export function reviewOf(text: string) {
  const sha256 = createHash('sha256').update(text).digest('hex');
  return { reason: 'a test looked at it', sha256: { 'post-install': sha256 } };
}

/** Packages of a very small appliance. */
export const PACKAGES: readonly PackageRecipe[] = [
  program('base', { depends: ['library'], scripts: { 'post-install': SCRIPT } }),
  program('library'),
  program('linux-virt'),
  program('linux-lts'),
];

/** A package with one file of the same name. */
export function program(name: string, more: Partial<PackageRecipe> = {}): PackageRecipe {
  return {
    name,
    version: '1.0-r0',
    builddate: 1_700_000_000,
    entries: [directory('usr'), directory('usr/bin'), file(`usr/bin/${name}`, name)],
    ...more,
  };
}

type AlpineInput = NonNullable<ProfileInput['bases']['alpine']>;

/** Returns the lock for a resolution. */
export function lockOf({ scripts: _, ...resolution }: Resolution): Lock {
  return { format: 1, profile: 'qvdc', base: 'alpine', architecture: 'x86_64', ...resolution };
}

/**
 * Returns a profile that requests `base`, trusts `KEY`, and has reviewed the script of `base`.
 * @param programs its programs
 */
export function profileOf(
  changes: Partial<AlpineInput> = {},
  keys: Record<string, string> = { [KEY.name]: KEY.pem },
  programs: string[] = [],
): Profile {
  return selectProfile(
    checkProfile(profileInput(changes, keys, programs), 'test'),
    'x86_64',
    '/test.ts',
  );
}

/** Returns such a profile in the format of a file in `profiles/`. */
export function profileInput(
  changes: Partial<AlpineInput> = {},
  keys: Record<string, string> = { [KEY.name]: KEY.pem },
  programs: string[] = [],
): ProfileInput {
  if (written.bases.alpine === undefined) throw new Error('qvdc is not built from Alpine');
  const kernel = { virt: 'linux-virt', full: 'linux-lts' };
  const alpineInput: AlpineInput = {
    ...written.bases.alpine,
    release: 'v3.24',
    repositories: ['main'],
    packages: ['base'],
    without: {},
    scripts: { base: reviewOf(SCRIPT) },
    architectures: { x86_64: { kernel, grub: ['base'], keys } },
    ...changes,
  };
  return { ...written, programs, bases: { alpine: alpineInput } };
}

/** A folder with mirrors and a cache; disposing of it removes both. */
export interface Workplace extends AsyncDisposable {
  directory: string;
  /** Makes a mirror of one repository, signed by `KEY` or by an untrusted key; returns its address. */
  mirror(name: string, packages: readonly PackageRecipe[], signed?: 'stranger'): Promise<string>;
  request(more?: Partial<ResolveRequest>): ResolveRequest;
  /** Opens the packages of a lock, which are at a mirror. */
  open(lock: Pick<Lock, 'packages'>, mirror: string, profile: Profile): Promise<OpenedPackage[]>;
}

export async function openWorkplace(): Promise<Workplace> {
  const root = await mkdtemp(join(tmpdir(), 'quantix-alpine-'));
  const cache = cacheRooms(join(root, 'cache'));
  await mkdir(cache.root);
  return {
    directory: root,
    async mirror(name, packages, signed) {
      const folder = join(root, name, 'v3.24', 'main');
      await packRepository({ folder, packages, key: signed === 'stranger' ? STRANGER : KEY });
      return `file://${join(root, name)}`;
    },
    request: (more) => ({ profile: profileOf(), cacheDirectory: cache.root, ...more }),
    open: (lock, mirror, profile) =>
      Promise.all(
        lock.packages.map(async (locked) => {
          const path = join(mirror.slice('file://'.length), 'v3.24/main', locked.path);
          const archive = { locked, file: path };
          const entries = await new OpenedStore(cache).open(alpine.reader(profile), archive);
          return { locked, entries };
        }),
      ),
    [Symbol.asyncDispose]: () => rm(root, { recursive: true, force: true }),
  };
}
