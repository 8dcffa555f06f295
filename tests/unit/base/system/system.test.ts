import { readFile } from 'node:fs/promises';
import { execa } from 'execa';
import { expect, test } from 'vitest';
import { finishDebian } from '../../../../build/base/debian/finish.ts';
import { makeAccountFiles, makeHomeDirectories } from '../../../../build/base/system/accounts.ts';
import { makeAppletLinks } from '../../../../build/base/system/applets.ts';
import { makeCaBundle } from '../../../../build/base/system/ca-bundle.ts';
import { makeIdentityFiles } from '../../../../build/base/system/identity.ts';
import { makeRunlevelLinks } from '../../../../build/base/system/runlevels.ts';
import { makeSkeleton } from '../../../../build/base/system/skeleton.ts';
import type { Entry } from '../../../../build/tree/entry.ts';
import { directory, file, program, symlink, treeOf } from '../../tree/trees.ts';
import { finishContext } from './contexts.ts';

/** Texts of files by path, and targets of links. */
function contents(entries: readonly Entry[]): Record<string, string> {
  return Object.fromEntries(
    entries.map((entry) => {
      if (entry.type === 'symlink') return [entry.path, `-> ${entry.target}`];
      const inMemory = entry.type === 'file' && entry.content.in === 'memory';
      return [entry.path, inMemory ? Buffer.from(entry.content.bytes).toString() : entry.type];
    }),
  );
}

test('accounts become passwd, group and shadow, sorted by id; only root can log in', async () => {
  const user = { group: 'app', comment: 'an app', home: '/srv', shell: '/bin/false', member: [] };
  const accounts = {
    groups: { app: 200, shadow: 42, disk: 6, root: 0 },
    users: {
      app: { ...user, uid: 200, member: ['disk', 'shadow'] },
      root: { ...user, uid: 0, group: 'root', comment: '', home: '/root', shell: '/bin/sh' },
      helper: { ...user, uid: 201, member: ['disk'] },
    },
  };
  const files = makeAccountFiles(await finishContext({ accounts }));
  expect(contents(files)).toEqual({
    'etc/passwd':
      'root:x:0:0::/root:/bin/sh\napp:x:200:200:an app:/srv:/bin/false\nhelper:x:201:200:an app:/srv:/bin/false\n',
    'etc/group': 'root:x:0:\ndisk:x:6:app,helper\nshadow:x:42:app\napp:x:200:\n',
    'etc/shadow':
      'root::19675:0:99999:7:::\napp:!:19675:0:99999:7:::\nhelper:!:19675:0:99999:7:::\n',
  });
  expect(files.find(({ path }) => path === 'etc/shadow')).toMatchObject({ mode: 0o640, gid: 42 });
});

test('a missing home of an account is made, unless it lies on a file system of the running system', async () => {
  const user = { uid: 200, group: 'app', comment: '', shell: '/bin/false', member: [] };
  const homes = ['/srv/app', '/var/lib/there', '/run/app', '/var/run/x', '/nonexistent', '/runs'];
  const accounts = {
    groups: { app: 300 },
    users: Object.fromEntries(
      homes.map((home, index) => [`u${index}`, { ...user, uid: 200 + index, home }]),
    ),
  };
  const tree = treeOf(directory('var/lib/there', 0o755), symlink('var/run', '../run'));
  const context = await finishContext({ accounts });
  expect(makeHomeDirectories(tree, context)).toMatchObject([
    { type: 'directory', path: 'srv/app', mode: 0o700, uid: 200, gid: 300 },
    { type: 'directory', path: 'runs', mode: 0o700, uid: 205, gid: 300 },
  ]);
});

test('files that Debian’s package scripts would make are made, homes among them', async () => {
  const runlevels = { sysinit: [], boot: [], default: [], shutdown: [] };
  const tree = treeOf(
    ...makeSkeleton(),
    program('usr/bin/busybox', await readFile('/bin/busybox')),
    file('usr/share/ca-certificates/A.crt', 'A\n'),
    program('usr/lib/rc/sh/gendepends.sh', '#!/bin/sh\n'),
  );
  finishDebian(tree, await finishContext({ runlevels }));
  expect(tree.at('var/lib/redis')).toMatchObject({ type: 'directory', mode: 0o700, uid: 122 });
  for (const path of ['etc/passwd', 'usr/bin/sh', 'etc/ssl/certs/ca-certificates.crt']) {
    expect(tree.lookup(path), path).toBeDefined();
  }
});

test('an applet is linked in its folder, unless a program of its name exists', () => {
  const tree = treeOf(
    directory('usr/bin'),
    directory('usr/sbin'),
    symlink('bin', 'usr/bin'),
    symlink('sbin', 'usr/sbin'),
    program('usr/bin/busybox', 'ELF'),
    program('usr/bin/ip', 'ELF'),
    symlink('usr/sbin/awk', 'mawk'),
  );
  expect(contents(makeAppletLinks(tree, ['awk', 'busybox', 'ip', 'ls', 'mdev']))).toEqual({
    'usr/bin/ls': '-> /bin/busybox',
    'usr/sbin/mdev': '-> /bin/busybox',
  });
});

test('the certificate authorities are in one file, sorted by name, each on its own lines', () => {
  const folder = 'usr/share/ca-certificates';
  const bundle = makeCaBundle(
    treeOf(
      file(`${folder}/mozilla/B.crt`, 'B'),
      file(`${folder}/mozilla/A.crt`, 'A\n'),
      file(`${folder}/README`, 'no certificate'),
      file(`${folder}/local/C.crt`, 'C\n'),
    ),
  );
  expect(contents([bundle])).toEqual({ 'etc/ssl/certs/ca-certificates.crt': 'C\nA\nB\n' });
});

test('a tree without certificate authorities is refused with a fix', () => {
  expect(() => makeCaBundle(treeOf())).toThrow(/^there is no certificate .*Add ca-certificates to/);
  const readme = file('usr/share/ca-certificates/README', 'x');
  expect(() => makeCaBundle(treeOf(readme))).toThrow('there is no certificate');
});

test('os-release and hostname identify the system and its base', async () => {
  const { 'etc/os-release': release = '', 'etc/hostname': hostname } = contents(
    makeIdentityFiles(await finishContext()),
  );
  expect(hostname).toBe('qvdc\n');
  expect(release.split('\n')).toEqual(
    expect.arrayContaining(['ID="qvdc"', 'PRETTY_NAME="QvDC 0.1.0"', 'QUANTIX_BASE="debian"']),
  );
});

test('a shell reads os-release correctly with any title', async () => {
  const title = 'A "B" $HOME `id` \\ $(id)';
  const { 'etc/os-release': release = '' } = contents(
    makeIdentityFiles(await finishContext({ title })),
  );
  const { stdout } = await execa('sh', ['-c', 'eval "$1"; printf %s "$NAME"', 'sh', release]);
  expect(stdout).toBe(title);
});

const service = (name: string) => program(`etc/init.d/${name}`, '#!/sbin/openrc-run\n');

test('services are linked into their runlevels, those of boot also into default', async () => {
  const runlevels = { sysinit: ['devfs'], boot: ['mdev'], default: ['sshd'], shutdown: [] };
  const { profile } = await finishContext({ runlevels });
  const tree = treeOf(service('devfs'), service('mdev'), service('sshd'));
  expect(contents(makeRunlevelLinks(tree, profile))).toEqual({
    'etc/runlevels/sysinit/devfs': '-> /etc/init.d/devfs',
    'etc/runlevels/boot/mdev': '-> /etc/init.d/mdev',
    'etc/runlevels/default/mdev': '-> /etc/init.d/mdev',
    'etc/runlevels/default/sshd': '-> /etc/init.d/sshd',
  });
});

test('an unknown service is refused with its runlevel', async () => {
  const runlevels = { sysinit: [], boot: [], default: ['nginx'], shutdown: [] };
  const { profile } = await finishContext({ runlevels });
  expect(() => makeRunlevelLinks(treeOf(service('sshd')), profile)).toThrow(
    /^there is no service nginx: .*\(runlevels\.default of the profile\)/,
  );
});

test('the initial tree has a merged /usr, and folders with their permissions', () => {
  const tree = treeOf(...makeSkeleton());
  for (const name of ['bin', 'lib', 'lib64', 'sbin']) {
    expect(tree.canonical(name)).toBe(`usr/${name}`);
  }
  expect(tree.at('root')).toMatchObject({ mode: 0o700 });
  expect(tree.at('tmp')).toMatchObject({ mode: 0o1777 });
  tree.add(file('lib/x'));
  expect(tree.at('usr/lib/x')).toBeDefined();
});
