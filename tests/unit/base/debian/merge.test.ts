import { expect, test } from 'vitest';
import { mergeDebian } from '../../../../build/base/debian/merge.ts';
import type { OpenedPackage } from '../../../../build/contract/base.ts';
import type { LockedPackage } from '../../../../build/contract/lock.ts';
import { locked } from '../../lock/locks.ts';
import { directory, symlink, treeOf } from '../../tree/trees.ts';

/** A package with a folder, and links whose target tells from which package they are. */
function opened(name: string, paths: string[], more: Partial<LockedPackage> = {}): OpenedPackage {
  const entries = [directory('usr'), ...paths.map((path) => symlink(path, `/from/${name}`))];
  return { locked: locked(name, more), entries };
}

function merge(...packages: OpenedPackage[]) {
  const tree = treeOf();
  mergeDebian(tree, packages);
  return tree
    .entries()
    .flatMap((one) => (one.type === 'symlink' ? `${one.path} ${one.target}` : []));
}

test('of two packages with the same file, the one that replaces the other owns it', () => {
  const old = opened('old', ['usr/a', 'usr/b']);
  const fresh = opened('fresh', ['usr/b', 'usr/c'], { replaces: ['old'] });
  const expected = ['usr/a /from/old', 'usr/b /from/fresh', 'usr/c /from/fresh'];
  expect(merge(old, fresh)).toEqual(expected);
  expect(merge(fresh, old)).toEqual(expected);
});

test('of two packages that replace each other the later one owns the file', () => {
  const one = opened('one', ['usr/a'], { replaces: ['two'] });
  const two = opened('two', ['usr/a'], { replaces: ['one'] });
  expect(merge(one, two)).toEqual(['usr/a /from/two']);
  expect(merge(two, one)).toEqual(['usr/a /from/one']);
});

test('two packages with the same file that do not replace each other are refused', () => {
  expect(() => merge(opened('one', ['usr/a']), opened('two', ['usr/a']))).toThrow('both claim one');
});
