import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { type AssembledRoot, assemble } from '../../../build/base/alpine/assemble.ts';
import { checksumText } from '../../../build/base/alpine/checksum.ts';
import { repositoryAddress } from '../../../build/base/alpine/repository/address.ts';
import { trustedKeys } from '../../../build/base/alpine/signature/keys.ts';
import { cacheRooms } from '../../../build/cache/directory.ts';
import { BuildError } from '../../../build/error.ts';
import { packIndex, packRepository } from '../../alpine-mirror/index.ts';
import { makeKey } from '../../alpine-mirror/key.ts';
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

async function folder(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'quantix-mirror-'));
  onTestFinished(() => rm(path, { recursive: true }));
  return path;
}

interface World {
  place: string;
  packed: PackedPackage[];
  cache: string;
}

async function world(): Promise<World> {
  const place = await folder();
  return {
    place,
    packed: await packRepository({ folder: place, key, packages }),
    cache: await folder(),
  };
}

async function assembled(from: string, cache: string, wanted = ['app']): Promise<AssembledRoot> {
  const root = await assemble({
    architecture: 'x86_64',
    keys,
    repositories: [repositoryAddress(from)],
    wanted,
    cache: cacheRooms(cache),
  });
  onTestFinished(() => root.reader[Symbol.dispose]());
  return root;
}

async function mirror(place: string): Promise<Mirror> {
  const served = await serve(place);
  onTestFinished(() => served[Symbol.asyncDispose]());
  return served;
}

test('a root has the files of what is wanted and of all it needs, and a database that says so', async () => {
  const { place, packed, cache } = await world();
  const { tree, epoch } = await assembled(place, cache);
  const identity = (name: string) =>
    packed.find((each) => each.file.startsWith(`${name}-`))?.identity;
  const size = (name: string) =>
    packed.find((each) => each.file.startsWith(`${name}-`))?.bytes.length;
  expect(tree.text('bin/ash')).toBe('#!');
  expect(tree.lookup('usr/bin/b')).toBe(tree.at('usr/bin/app'));
  expect(tree.at('etc/shadow')).toMatchObject({ mode: 0o640, gid: 42 });
  expect(tree.text('etc/apk/world')).toBe('app\n');
  expect(tree.text('lib/apk/db/triggers')).toBe(`${identity('base')} /usr/share/x\n`);
  expect(epoch).toBe(1_700_000_000);
  const installed = tree.text('lib/apk/db/installed') ?? '';
  const content = createHash('sha1').update(tree.text('usr/bin/app') ?? '');
  const own = checksumText(content.digest());
  expect(
    installed.replaceAll(/^Z:.*$/gm, (line) => (line === `Z:${own}` ? 'Z:app' : 'Z:…')),
  ).toBe(`C:${identity('app')}
P:app
V:1-r0
A:x86_64
S:${size('app')}
I:2004096
T:Package app
U:https://example.org/
L:MIT
o:app
t:1700000000
D:/bin/sh empty
F:usr
F:usr/bin
R:app
Z:app
R:b
Z:app

C:${identity('base')}
P:base
V:3.4-r1
A:x86_64
S:${size('base')}
I:4102
T:Package base
U:https://example.org/
L:MIT
o:base
m:Me <me@example.org>
t:1700000000
c:abc123
k:10
p:/bin/sh cmd:sh=3.4-r1
r:old<2
F:bin
R:sh
a:0:0:755
Z:…
R:ash
a:0:0:777
Z:…
F:etc
R:shadow
a:0:42:640
Z:…
F:root
M:0:0:700

C:${identity('empty')}
P:empty
V:0-r0
A:x86_64
S:${size('empty')}
I:0
T:Package empty
U:https://example.org/
L:MIT
o:empty
t:1700000000

`);
});

test('a mirror gives the same root as a folder, and what is in the cache is not asked for again', async () => {
  const { place, cache } = await world();
  const served = await mirror(place);
  const near = await assembled(place, await folder());
  const far = await assembled(served.url, cache);
  expect(listing(far)).toEqual(listing(near));
  expect(served.asked.toSorted()).toEqual([
    '/x86_64/APKINDEX.tar.gz',
    '/x86_64/app-1-r0.apk',
    '/x86_64/base-3.4-r1.apk',
  ]);
  const again = await assembled(served.url, cache);
  expect(listing(again)).toEqual(listing(near));
  expect(served.asked.slice(3)).toEqual(['/x86_64/APKINDEX.tar.gz']);
});

test('constraints, conflicts and pins go into the world', async () => {
  const { place, cache } = await world();
  const { tree } = await assembled(`@edge ${place}`, cache, ['!nothing', 'base@edge>=3']);
  expect(tree.text('etc/apk/world')).toBe('base@edge>=3\n!nothing\n');
  expect(tree.text('lib/apk/db/installed')).toContain('\ns:edge\n');
});

describe('it is refused', () => {
  test('if nothing has what is wanted', async () => {
    const { place, cache } = await world();
    const failing = assembled(place, cache, ['app', 'unheard-of']);
    await expect(failing).rejects.toThrow(BuildError);
    await expect(failing).rejects.toThrow('unheard-of');
  });

  test('if the repository is not there, or not for this architecture', async () => {
    await expect(assembled(await folder(), await folder())).rejects.toThrow(
      'there is no repository',
    );
  });

  test('if the index is signed by a stranger', async () => {
    const { place, packed, cache } = await world();
    const stanzas = packed.map(({ stanza }) => stanza);
    await writeFile(
      join(place, 'x86_64/APKINDEX.tar.gz'),
      packIndex({ stanzas }, makeKey('stranger')),
    );
    await expect(assembled(place, cache)).rejects.toThrow('stranger, which is not a trusted key');
  });

  test('if a package was swapped, cut or lengthened', async () => {
    const { place, packed } = await world();
    const path = join(place, 'x86_64/app-1-r0.apk');
    const good = await readFile(path);
    const other = packed.find((each) => each.file.startsWith('base'))?.bytes ?? good;
    const swapped = Buffer.concat([other, Buffer.alloc(good.length)]).subarray(0, good.length);
    for (const [bytes, why] of [
      [swapped, 'another package than the index says'],
      [good.subarray(0, -1), 'its index says'],
      [Buffer.concat([good, Buffer.from('x')]), 'its index says'],
    ] as const) {
      await writeFile(path, bytes);
      await expect(assembled(place, await folder())).rejects.toThrow(why);
    }
  });

  test('if the index says another size than the mirror has', async () => {
    const { place, packed, cache } = await world();
    const stanzas = packed.map(({ stanza }) => stanza.replace(/^S:\d+$/m, 'S:1234'));
    await writeFile(join(place, 'x86_64/APKINDEX.tar.gz'), packIndex({ stanzas }, key));
    const served = await mirror(place);
    await expect(assembled(served.url, cache)).rejects.toThrow('expected 1234 bytes');
  });

  test.each([
    ['missing', 'is gone'],
    ['wrong', ''],
  ] as const)('if a package of a mirror is %s', async (fault, why) => {
    const { place, cache } = await world();
    const served = await mirror(place);
    served.break('app-1-r0.apk', fault);
    await expect(assembled(served.url, cache)).rejects.toThrow(BuildError);
    await expect(assembled(served.url, cache)).rejects.toThrow(why);
  });

  test('if the index of a mirror has wrong bytes, and is right again afterwards', async () => {
    const { place, cache } = await world();
    const served = await mirror(place);
    served.break('APKINDEX.tar.gz', 'wrong');
    await expect(assembled(served.url, cache)).rejects.toThrow(BuildError);
    served.heal();
    await expect(assembled(served.url, cache)).resolves.toBeDefined();
  });
});

test('a slow mirror is waited for', async () => {
  const { place, cache } = await world();
  const served = await mirror(place);
  served.break('.apk', 'slow');
  await expect(assembled(served.url, cache)).resolves.toBeDefined();
});

test('a mirror that cuts the connection is asked again', async () => {
  const { place, cache } = await world();
  const served = await mirror(place);
  served.break('app-1-r0.apk', 'truncated', 1);
  await expect(assembled(served.url, cache)).resolves.toBeDefined();
  expect(served.asked.filter((path) => path.endsWith('app-1-r0.apk'))).toHaveLength(2);
});

test('trusted keys are looked up by the name in the signature', async () => {
  const { place, cache } = await world();
  const renamed = trustedKeys([['other-name.rsa.pub', key.pem]]);
  const failing = assemble({
    architecture: 'x86_64',
    keys: renamed,
    repositories: [repositoryAddress(place)],
    wanted: ['app'],
    cache: cacheRooms(cache),
  });
  await expect(failing).rejects.toThrow('not a trusted key');
});

function listing({ tree }: AssembledRoot): unknown[] {
  return tree
    .entries()
    .map((entry) => ({ ...entry, ...('content' in entry ? { content: undefined } : {}) }));
}
