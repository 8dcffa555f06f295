import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import type { AssembledRoot } from '../../../build/base/alpine/assemble.ts';
import { formatChecksum } from '../../../build/base/alpine/checksum.ts';
import { parseInstalled } from '../../../build/base/alpine/installed/read.ts';
import { tarStream } from '../../../build/tree/tar-stream.ts';
import { assembled, folder, mirror, world } from './mirror-world.ts';

test('a root has the files of the requested packages and their dependencies, and a database of them', async () => {
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
  const own = formatChecksum(content.digest());
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

test('the database has owner, mode and checksum of every file in the tree', async () => {
  const { place, cache } = await world();
  const { tree } = await assembled(place, cache);
  const packages = parseInstalled(tree.text('lib/apk/db/installed') ?? '', 'installed');
  const owned = packages.flatMap(({ record }) => record.directories);
  for (const { path, ownership, files } of owned) {
    expect(tree.at(path)).toMatchObject(ownership);
    for (const { name, sha1 } of files) {
      const entry = tree.at(`${path}/${name}`);
      if (entry === undefined) throw new Error(`${path}/${name} is not in the tree`);
      const own = entry.type === 'symlink' ? entry.target : tree.text(entry.path);
      expect(
        createHash('sha1')
          .update(own ?? '')
          .digest('hex'),
      ).toBe(sha1);
    }
  }
  const listed = owned.flatMap(({ path, files }) => files.map(({ name }) => `${path}/${name}`));
  const unlisted = tree
    .entries()
    .filter(({ type, path }) => type !== 'directory' && !listed.includes(path))
    .map(({ path }) => path);
  expect(unlisted).toEqual([
    'etc/apk/arch',
    'etc/apk/world',
    'lib/apk/db/installed',
    'lib/apk/db/lock',
    'lib/apk/db/scripts.tar',
    'lib/apk/db/triggers',
  ]);
});

test('the same request gives the same tar, with an empty and with a full cache', async () => {
  const { place, cache } = await world();
  const tars = [];
  for (const from of [cache, cache, await folder()]) {
    const { tree, epoch } = await assembled(place, from);
    tars.push(
      createHash('sha256')
        .update(Buffer.concat([...tarStream(tree, epoch)]))
        .digest('hex'),
    );
  }
  expect(new Set(tars).size).toBe(1);
});

test('a mirror gives the same root as a folder, and cached packages are not requested again', async () => {
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

test('constraints, conflicts and pins are recorded in the world', async () => {
  const { place, cache } = await world();
  const { tree } = await assembled(`@edge ${place}`, cache, {
    wanted: ['!nothing', 'base@edge>=3'],
  });
  expect(tree.text('etc/apk/world')).toBe('base@edge>=3\n!nothing\n');
  expect(tree.text('lib/apk/db/installed')).toContain('\ns:edge\n');
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

function listing({ tree }: AssembledRoot): unknown[] {
  return tree
    .entries()
    .map((entry) => ({ ...entry, ...('content' in entry ? { content: undefined } : {}) }));
}
