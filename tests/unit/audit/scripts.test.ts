import { expect, test } from 'vitest';
import { directory, file, program, symlink } from '../tree/trees.ts';
import { audited } from './findings.ts';

const env = program('usr/bin/env', 'env');

test.each([
  ['#!/bin/sh\n'],
  ['#! /bin/sh -e\necho\n'],
  ['#!/bin/sh'],
  ['#!/usr/bin/env sh\n'],
  ['#!/usr/bin/env -S A=b sh -e\n'],
  ['#!/usr/bin/env /bin/sh\n'],
  [`#!/bin/sh ${'x'.repeat(500)}\n`],
])('the script %j passes', (text) => {
  expect(audited([env, program('usr/bin/x', text)])).toEqual([]);
});

test.each([
  ['#!/usr/bin/perl -w\n', 'is a script for /usr/bin/perl, which is missing'],
  ['#!/usr/bin/env python3\n', 'is a script for python3, which is missing'],
  ['#!/usr/bin/env -S python3 -u\n', 'is a script for python3, which is missing'],
  ['#!/etc/passwd\n', 'is a script for /etc/passwd, which is missing'],
  ['#!sh\n', 'is a script for sh, which is not an absolute path'],
  ['#! \n', 'is a script that names no interpreter'],
  [
    `#!/${'x'.repeat(400)}`,
    'is a script whose interpreter has a longer path than the kernel reads',
  ],
])('the script %j is a finding', (text, what) => {
  expect(audited([env, program('usr/bin/x', text)])).toEqual([`interpreter: usr/bin/x ${what}`]);
});

test('an interpreter may be a link to an applet; a file that is not executable needs none', () => {
  expect(
    audited([
      directory('usr/bin'),
      symlink('usr/bin/ash', '../../bin/sh'),
      program('x', '#!/usr/bin/ash\n'),
      file('usr/share/example', '#!/usr/bin/perl\n'),
    ]),
  ).toEqual([]);
});

test.each([
  ['bin/x', '#!/bin/sh\r\necho\r\n'],
  ['bin/x', '#!/bin/sh\necho\r\n'],
  ['bin/x', `#!/bin/sh -e\n${'# long\n'.repeat(100)}echo\r\n`],
  ['etc/conf.d/sshd', 'A=b\r\n'],
  ['etc/inittab', '::sysinit:/bin/sh\r\n'],
])('CRLF line ends in %s are a finding: %j', (path, text) => {
  expect(audited([program(path, text)])).toEqual([`line-ends: ${path} has CRLF line ends`]);
});

test('carriage returns are accepted in files that no shell reads', () => {
  expect(
    audited([
      program('bin/python3', 'python'),
      program('bin/x', '#!/bin/python3\nprint()\r\n'),
      program('bin/y', '#!/bin/sh\nprintf "a\rb"\n'),
      file('usr/share/x.txt', 'a\r\n'),
      file('etc/conf.d/sshd', 'A=b\n'),
    ]),
  ).toEqual([]);
});
