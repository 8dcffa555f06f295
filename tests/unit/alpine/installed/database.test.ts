import { expect, test } from 'vitest';
import { readTarBuffer } from '../../../../build/base/alpine/archive/tar.ts';
import { makeDatabaseFiles } from '../../../../build/base/alpine/installed/database.ts';
import { makeScriptsTar } from '../../../../build/base/alpine/installed/scripts.ts';
import { formatTriggers, formatWorld } from '../../../../build/base/alpine/installed/write.ts';
import { treeOf } from '../../tree/trees.ts';
import { installed, EMPTY_CHECKSUM as Z } from './packages.ts';

test('triggers have the identity of a package and the paths that it watches', () => {
  const packages = [
    installed('b', {}, { triggers: ['/usr/share/b'] }),
    installed('none'),
    installed('a', {}, { triggers: ['/lib/*', '/etc'] }),
  ];
  expect(formatTriggers(packages)).toBe(`${Z} /lib/* /etc\n${Z} /usr/share/b\n`);
});

test('scripts are kept in a tar, under package, version, identity and kind', () => {
  const scripts = new Map([
    ['trigger', Buffer.from('#!/bin/sh\n')],
    ['pre-install', Buffer.from('#!/bin/sh\nexit 0\n')],
  ] as const);
  const tar = makeScriptsTar([installed('a', { t: '1700000000' }, { scripts }), installed('b')]);
  const { entries, ended } = readTarBuffer(tar, 'scripts.tar');
  expect(entries.map(({ header }) => header.name)).toEqual([
    `a-1-r0.${Z}.pre-install`,
    `a-1-r0.${Z}.trigger`,
  ]);
  expect(entries.map(({ header: { mode, uid } }) => [mode, uid])).toEqual([
    [0o755, 0],
    [0o755, 0],
  ]);
  expect(entries[0]?.content.toString()).toBe('#!/bin/sh\nexit 0\n');
  expect(ended).toBe(true);
});

test('without scripts the tar is only an end mark', () => {
  expect(makeScriptsTar([])).toEqual(Buffer.alloc(1024));
});

test('the world is sorted by name, each name once with its last constraint', () => {
  const wanted = ['zlib', 'busybox', '!mdev', 'openssl~=3', 'busybox@edge>1', 'abc'];
  expect(formatWorld(wanted)).toBe('abc\nbusybox@edge>1\n!mdev\nopenssl~3\nzlib\n');
  expect(formatWorld([])).toBe('\n');
});

test('the database files are at their paths; repositories and keys are written only on request', () => {
  const plain = { packages: [], world: ['a'], architecture: 'x86_64' };
  const tree = treeOf(...makeDatabaseFiles(plain));
  expect(tree.text('etc/apk/world')).toBe('a\n');
  expect(tree.text('etc/apk/arch')).toBe('x86_64\n');
  expect(tree.at('lib/apk/db/lock')).toMatchObject({ mode: 0o600, size: 0 });
  expect(tree.names('lib/apk/db')).toEqual(['installed', 'lock', 'scripts.tar', 'triggers']);
  expect(tree.names('etc/apk')).toEqual(['arch', 'world']);
  const keys = new Map([['k.rsa.pub', 'PEM']]);
  const full = treeOf(...makeDatabaseFiles({ ...plain, repositories: ['http://m/main'], keys }));
  expect(full.text('etc/apk/repositories')).toBe('http://m/main\n');
  expect(full.text('etc/apk/keys/k.rsa.pub')).toBe('PEM');
});
