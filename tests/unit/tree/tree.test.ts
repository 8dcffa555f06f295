import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { BuildError } from '../../../build/error.ts';
import { ContentReader } from '../../../build/tree/content.ts';
import { Tree } from '../../../build/tree/tree.ts';
import { directory, file, hardlink, symlink, treeOf } from './trees.ts';

const paths = (tree: Tree) => tree.entries().map((entry) => entry.path);

describe('adding', () => {
  test('missing parent directories are made, and replaced by a package’s own', () => {
    const tree = treeOf(file('var/lib/x'));
    expect(tree.at('var')).toMatchObject({ type: 'directory', mode: 0o755, origin: 'implied' });
    tree.add(directory('var', 0o750));
    expect(tree.at('var')).toMatchObject({ mode: 0o750, origin: 'package test' });
    tree.add(directory('var', 0o700, 'package late'));
    expect(tree.at('var')).toMatchObject({ mode: 0o750 });
  });

  test('the same file, link, device or fifo may be added twice, and the first stays', () => {
    const node = { path: 'dev/null', mode: 0o666, uid: 0, gid: 0, major: 1, minor: 3 };
    const pipe = { type: 'fifo', path: 'run/p', mode: 0o600, uid: 0, gid: 0, origin: 'a' } as const;
    const tree = treeOf(file('a', 'x', { origin: 'first' }), symlink('l', 'a'), hardlink('h', 'a'));
    tree.add({ ...node, type: 'character', origin: 'first' });
    tree.add(pipe);
    for (const entry of tree.entries()) tree.add({ ...entry, origin: 'second' });
    tree.add(file('h', 'x'));
    expect(tree.entries().filter((entry) => entry.origin === 'second')).toEqual([
      expect.objectContaining({ path: 'dev', type: 'directory' }),
      expect.objectContaining({ path: 'run', type: 'directory' }),
    ]);
    expect(() => tree.add({ ...node, minor: 5, type: 'character', origin: 'b' })).toThrow(
      'both claim',
    );
  });

  test.each([
    ['other content', file('etc/x', 'b', { origin: 'package two' })],
    ['another size', file('etc/x', 'aa', { origin: 'package two' })],
    ['another mode', file('etc/x', 'a', { mode: 0o600, origin: 'package two' })],
    ['a directory', { ...directory('etc/x'), origin: 'package two' }],
    ['something below the file', file('etc/x/y', '', { origin: 'package two' })],
  ])(
    'a second claim to the path of a file is refused, and the error names both origins: %s',
    (_, second) => {
      const tree = treeOf(file('etc/x', 'a', { origin: 'package one' }));
      expect(() => tree.add(second)).toThrow(/package one .*package two .*both claim one path/);
    },
  );

  test('a merged /usr is followed, whether the link or the directory is added second', () => {
    const tree = treeOf(directory('usr/bin'), symlink('bin', 'usr/bin'), file('bin/ls'));
    tree.add(directory('bin'));
    tree.add(symlink('bin', 'usr/bin'));
    expect(tree.at('usr/bin/ls')?.path).toBe('usr/bin/ls');
    expect(tree.at('bin')?.type).toBe('symlink');
    const linked = treeOf(directory('usr/bin'), symlink('usr/sbin', 'bin'), file('usr/sbin/init'));
    expect(linked.at('usr/bin/init')?.path).toBe('usr/bin/init');
  });

  test('adding below a dangling link or a circle of links is refused', () => {
    const tree = treeOf(symlink('lib', 'usr/lib'), symlink('x', 'y'), symlink('y', 'x'));
    expect(() => tree.add(file('lib/a'))).toThrow(BuildError);
    expect(() => tree.add(file('x/a/b'))).toThrow(BuildError);
  });

  test('the root directory of an archive is accepted, and no other type may be the root', () => {
    const tree = treeOf(directory(''));
    expect(tree.entries()).toEqual([]);
    expect(() => tree.add(file(''))).toThrow('root directory');
    expect(() => tree.replace(symlink('', 'a'))).toThrow('root directory');
  });

  test.each([
    ['', 'link to nothing'],
    ['a\0b', 'NUL'],
    [`${'a/'.repeat(3000)}`, 'longer than'],
  ])('a link target that Linux does not allow is refused', (target, why) => {
    expect(() => treeOf(symlink('l', target))).toThrow(why);
  });
});

describe('hard links', () => {
  test('lead to the file, through other hard links and links in their path', () => {
    const tree = treeOf(directory('usr/bin'), symlink('bin', 'usr/bin'), file('bin/a', 'x'));
    tree.add(hardlink('usr/bin/b', 'bin/a'));
    tree.add(hardlink('c', 'bin/b'));
    expect(tree.at('c')).toMatchObject({ type: 'hardlink', target: 'usr/bin/a' });
    expect(tree.text('c')).toBe('x');
  });

  test('must name a file that is already there', () => {
    expect(() => treeOf(hardlink('a', 'b'))).toThrow('not a file before it');
    expect(() => treeOf(hardlink('a', 'a'))).toThrow('not a file before it');
    expect(() => treeOf(directory('d'), hardlink('a', 'd'))).toThrow('not a file before it');
  });

  test('keep the content when the file they were made from is removed', () => {
    const tree = treeOf(file('a', 'x'), hardlink('c', 'a'), hardlink('b', 'a'));
    tree.remove('a');
    expect(tree.at('b')).toMatchObject({ type: 'file', size: 1 });
    expect(tree.at('c')).toMatchObject({ type: 'hardlink', target: 'b' });
    tree.remove('b');
    tree.remove('c');
    expect(tree.size).toBe(0);
  });

  test('keep the content when the file they were made from is replaced', () => {
    const tree = treeOf(file('a', 'old'), hardlink('b', 'a'), hardlink('c', 'a'));
    tree.replace(file('a', 'new'));
    expect([tree.text('a'), tree.text('b'), tree.text('c')]).toEqual(['new', 'old', 'old']);
    tree.replace(file('c', 'third'));
    expect([tree.text('a'), tree.text('b'), tree.text('c')]).toEqual(['new', 'old', 'third']);
    tree.replace(symlink('b', 'a'));
    expect(tree.text('b')).toBe('new');
  });

  test('a file replaced by a hard link to its other name keeps its content', () => {
    const tree = treeOf(file('a', 'x'), hardlink('b', 'a'));
    tree.replace(hardlink('a', 'b'));
    tree.replace(hardlink('b', 'a'));
    tree.add(hardlink('a', 'b'));
    expect(tree.at('a')?.type).toBe('file');
    expect(tree.text('b')).toBe('x');
  });
});

describe('replacing', () => {
  test('a directory with content is not replaced by something else, an empty one is', () => {
    const tree = treeOf(file('etc/a'), directory('opt'));
    expect(() => tree.replace(symlink('etc', 'opt'))).toThrow('both claim');
    tree.replace(directory('etc', 0o700));
    expect(tree.at('etc')).toMatchObject({ mode: 0o700 });
    expect(tree.names('etc')).toEqual(['a']);
    tree.replace(file('opt', 'x'));
    expect(tree.text('opt')).toBe('x');
    expect(() => tree.add(file('opt/x'))).toThrow('both claim');
  });

  test('a directory does not take the place of a link to a directory', () => {
    const tree = treeOf(
      directory('usr/lib'),
      symlink('lib', 'usr/lib'),
      symlink('gone', 'nowhere'),
    );
    tree.replace(directory('lib'));
    tree.replace(directory('gone'));
    expect(tree.at('lib')?.type).toBe('symlink');
    expect(tree.at('gone')?.type).toBe('directory');
  });
});

describe('removing', () => {
  test('includes everything below, and is allowed during a walk of the entries', () => {
    const tree = treeOf(file('a/b/c'), file('a/b/d'), hardlink('e', 'a/b/c'), file('f'));
    for (const entry of tree.entries()) if (entry.path !== 'e') tree.remove(entry.path);
    expect(paths(tree)).toEqual(['e']);
    expect(tree.at('e')?.type).toBe('file');
    tree.remove('never there');
    tree.add(file('a', 'now a file'));
    expect(tree.text('a')).toBe('now a file');
  });
});

describe('reading', () => {
  test('entries are read with parents first, in the same order for any order of adding', () => {
    const entries = [
      file('a-b'),
      file('a/z'),
      file('a.b'),
      directory('a'),
      file('B'),
      file('a/b/c'),
    ];
    const order = ['B', 'a', 'a/b', 'a/b/c', 'a/z', 'a-b', 'a.b'];
    expect(paths(treeOf(...entries))).toEqual(order);
    expect(paths(treeOf(...entries.reverse()))).toEqual(order);
  });

  test('a lookup follows links as the booted system would', () => {
    const tree = treeOf(
      file('run/x', 'x'),
      symlink('var/run', '/run'),
      symlink('etc/y', '../var/run/x'),
    );
    expect(tree.canonical('/etc/y')).toBe('run/x');
    expect(tree.text('etc/../etc/./y')).toBe('x');
    expect(tree.lookup('var/run/x/z')).toBeUndefined();
    expect(tree.lookup('nothing/../run/x')).toBeUndefined();
    expect(tree.canonical('../../..')).toBe('');
    expect(tree.file('run')).toBeUndefined();
  });

  test('links in a circle lead nowhere', () => {
    const tree = treeOf(
      symlink('a', 'b'),
      symlink('b', '/a'),
      symlink('c', 'c/c'),
      symlink('d', './d'),
    );
    for (const path of ['a', 'c', 'd/x']) expect(tree.canonical(path)).toBeUndefined();
  });

  test('content shorter than its entry says is an error, in memory and in a file', () => {
    const folder = mkdtempSync(join(tmpdir(), 'tree-test-'));
    const name = join(folder, 'slice');
    writeFileSync(name, '0123456789');
    using reader = new ContentReader();
    const tree = new Tree(reader);
    tree.add({ ...file('slice'), size: 4, content: { in: 'file', file: name, offset: 3 } });
    tree.add({ ...file('short'), size: 4, content: { in: 'file', file: name, offset: 8 } });
    tree.add({ ...file('gone'), size: 4, content: { in: 'file', file: `${name}2`, offset: 8 } });
    tree.add({ ...file('memory', 'abc'), size: 9 });
    expect(tree.text('slice')).toBe('3456');
    expect(() => tree.text('short')).toThrow('short ends 2 bytes early');
    expect(() => tree.text('memory')).toThrow('memory ends 6 bytes early');
    expect(() => tree.text('gone')).toThrow(BuildError);
    rmSync(folder, { recursive: true });
  });
});
