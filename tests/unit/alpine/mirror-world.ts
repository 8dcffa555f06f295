import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { type AssembledRoot, assembleRoot } from '../../../build/base/alpine/assemble.ts';
import { parseRepositoryAddress } from '../../../build/base/alpine/repository/address.ts';
import type { TrustedKeys } from '../../../build/base/alpine/signature/keys.ts';
import { cacheRooms } from '../../../build/cache/directory.ts';
import { packRepository } from '../../alpine-mirror/index.ts';
import type { PackedPackage } from '../../alpine-mirror/package.ts';
import type { PackageRecipe } from '../../alpine-mirror/recipe.ts';
import { type Mirror, serve } from '../../alpine-mirror/serve.ts';
import { directory, file, hardlink, symlink } from '../tree/trees.ts';
import { key, keys } from './opened.ts';

const base: PackageRecipe = {
  name: 'base',
  version: '3.4-r1',
  replaces: ['old<2'],
  triggers: ['/usr/share/x'],
  scripts: { trigger: '#!/bin/sh\n' },
  maintainer: 'Me <me@example.org>',
  providerPriority: 10,
  commit: 'abc123',
  provides: ['/bin/sh', 'cmd:sh=3.4-r1'],
  entries: [
    directory('bin'),
    file('bin/sh', '#!', { mode: 0o755 }),
    symlink('bin/ash', 'sh'),
    directory('etc'),
    file('etc/shadow', 'root', { mode: 0o640, gid: 42 }),
    directory('root', 0o700),
  ],
};
const app: PackageRecipe = {
  name: 'app',
  version: '1-r0',
  depends: ['/bin/sh', 'empty'],
  entries: [
    directory('usr'),
    directory('usr/bin'),
    file('usr/bin/app', 'x'.repeat(2_000_000)),
    hardlink('usr/bin/b', 'usr/bin/app'),
  ],
};
const empty: PackageRecipe = { name: 'empty', version: '0-r0', size: 0 };
const packages = [app, base, empty];

/** Creates a folder that is removed after the test. */
export async function folder(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'quantix-mirror-'));
  onTestFinished(() => rm(path, { recursive: true }));
  return path;
}

/** A repository in a folder, and an empty cache. */
export interface World {
  place: string;
  packed: PackedPackage[];
  cache: string;
}

/** Makes a repository of three packages: `app` needs `base` and `empty`. */
export async function world(): Promise<World> {
  const place = await folder();
  return {
    place,
    packed: await packRepository({ folder: place, key, packages }),
    cache: await folder(),
  };
}

/** Assembles from a repository. */
export async function assembled(
  from: string,
  cache: string,
  { wanted = ['app'], trusted = keys }: { wanted?: string[]; trusted?: TrustedKeys } = {},
): Promise<AssembledRoot> {
  const root = await assembleRoot({
    architecture: 'x86_64',
    keys: trusted,
    repositories: [parseRepositoryAddress(from)],
    wanted,
    cache: cacheRooms(cache),
  });
  onTestFinished(() => root.reader[Symbol.dispose]());
  return root;
}

/** Serves a folder until the test ends. */
export async function mirror(place: string): Promise<Mirror> {
  const served = await serve(place);
  onTestFinished(() => served[Symbol.asyncDispose]());
  return served;
}
