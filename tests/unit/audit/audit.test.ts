import { expect, test } from 'vitest';
import { assertAudited, auditTree } from '../../../build/audit/audit.ts';
import { BuildError } from '../../../build/error.ts';
import { file, symlink, treeOf } from '../tree/trees.ts';
import { audited } from './findings.ts';

const accounts = [file('etc/passwd', 'root:x:0:0\n'), file('etc/group', 'root:x:0:\n')];
const dangling = (count: number) =>
  treeOf(...accounts, ...Array.from({ length: count }, (_, i) => symlink(`usr/l${i}`, `no${i}`)));

test('a tree without findings passes', () => {
  expect(auditTree(treeOf(...accounts), { setuid: {} })).toEqual([]);
  expect(() => assertAudited(dangling(0), { setuid: {} })).not.toThrow();
});

test('one error lists the findings and a fix', () => {
  expect(() => assertAudited(dangling(1), { setuid: {} })).toThrow(BuildError);
  expect(() => assertAudited(dangling(1), { setuid: {} })).toThrow(
    'has one thing that cannot work. Fix in the profile or an overlay:\n  link: /usr/l0 is a link to no0, which does not exist. Add the',
  );
});

test('at most twenty findings are listed, and the rest is counted', () => {
  expect(() => assertAudited(dangling(20), { setuid: {} })).toThrow('/usr/l9 ');
  expect(() => assertAudited(dangling(20), { setuid: {} })).not.toThrow(' more');
  expect(() => assertAudited(dangling(23), { setuid: {} })).toThrow('has 23 things');
  expect(() => assertAudited(dangling(23), { setuid: {} })).toThrow('and 3 more');
});

test('accepted findings are left out, by path, by directory and by pattern', () => {
  const tree = [symlink('usr/a/x', 'no'), symlink('usr/a/y', 'no'), symlink('usr/b-1/z', 'no')];
  const allow = { '/usr/a': 'has a reason', '/usr/b-*/z': 'has a reason' };
  expect(audited(tree, { allow })).toEqual([]);
  expect(audited(tree, { allow: { '/usr/a/x': 'r', '/usr/*': 'r' } })).toEqual([]);
  expect(audited(tree, { allow: { '/usr/b-*': 'r' } })).toHaveLength(2);
  expect(
    audited([symlink('usr/a.b', 'no')], { allow: { '/usr/aXb': 'r', '/usr/a': 'r' } }),
  ).toHaveLength(3);
});

test('an accepted finding that does not occur is itself a finding', () => {
  expect(audited([], { allow: { '/usr/x': 'reason' } })).toEqual([
    'allow: usr/x is in the list of accepted findings, but nothing is wrong with it',
  ]);
});

test('the same finding for several paths is one line', () => {
  const tree = treeOf(
    ...accounts,
    ...['a', 'b', 'c'].map((name) => symlink(`usr/${name}`, 'nothing')),
  );
  expect(() => assertAudited(tree, { setuid: {} })).toThrow(
    'has one thing that cannot work. Fix in the profile or an overlay:\n  link: /usr/a (and 2 more) is a link to nothing',
  );
});

test('control characters in names do not reach the terminal', () => {
  const tree = treeOf(...accounts, symlink('usr/\u001b[2J\nx', 'nothing'));
  expect(() => assertAudited(tree, { setuid: {} })).toThrow('link: /usr/?[2J?x is a link');
});
