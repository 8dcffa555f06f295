import { expect, test } from 'vitest';
import { directory, file, symlink } from '../tree/trees.ts';
import { audited } from './findings.ts';

test.each([
  ['usr/x', '/etc/passwd'],
  ['usr/x', '../etc/passwd'],
  ['usr/x', '/'],
  ['usr/x', '..'],
  ['etc/mtab', '/proc/mounts'],
  ['etc/resolv.conf', '../run/resolv.conf'],
  ['etc/x', '/var/run/x/y'],
  ['etc/x', '/tmp'],
  ['etc/hostname', '/data/hostname'],
  ['dev/fd', '/proc/self/fd'],
])('a link %s to %s passes', (path, target) => {
  expect(audited([symlink('var/run', '/run'), directory('run'), symlink(path, target)])).toEqual(
    [],
  );
});

test('a link to a mount point of the appliance itself passes', () => {
  const link = symlink('etc/hostname', '/hello/hostname');
  expect(audited([link], { mountPoints: ['hello'] })).toEqual([]);
  expect(audited([link], { mountPoints: ['hell', 'hello2'] })).toEqual([
    'link: etc/hostname is a link to /hello/hostname, which does not exist',
  ]);
});

test('a link to a link that ends in /run passes', () => {
  expect(
    audited([symlink('etc/a', 'b'), symlink('etc/b', '/var/run/x'), symlink('var/run', '/run')]),
  ).toEqual([]);
  expect(audited([directory('run'), symlink('srv', 'run'), symlink('etc/a', '/srv/x')])).toEqual(
    [],
  );
});

test.each([
  ['usr/x', '/etc/shadow'],
  ['usr/x', 'nothing'],
  ['usr/x', '../../etc/nothing'],
  ['usr/x', '/etc/passwd/x'],
  ['usr/x', '/running'],
])('a dangling link %s to %s is a finding', (path, target) => {
  expect(audited([symlink(path, target)])).toEqual([
    `link: ${path} is a link to ${target}, which does not exist`,
  ]);
});

test('links in a circle are a finding', () => {
  expect(audited([symlink('a', '/b'), symlink('b', 'a'), file('c')])).toEqual([
    'link: a is a link to /b, which forms a loop',
    'link: b is a link to a, which forms a loop',
  ]);
});
