import { expect, test } from 'vitest';
import { ARCHITECTURES } from '../../../build/architecture.ts';
import { assertStarts } from '../../../build/audit/audit.ts';
import type { Entry } from '../../../build/tree/entry.ts';
import { elfFile } from '../elf/elf-file.ts';
import { file, program, symlink, treeOf } from '../tree/trees.ts';
import { audited } from './findings.ts';

const init = { path: 'init', machine: ARCHITECTURES.x86_64.elf };
const busybox = program('bin/box', elfFile());
const script = (text: string) => program('init', text);

test.each<[string, Entry[]]>([
  ['a program', [program('init', elfFile())]],
  ['a link to a program', [busybox, symlink('init', 'bin/box')]],
  ['a script for a program', [busybox, script('#!/bin/box sh\n')]],
  [
    'a script for a script for a program',
    [busybox, program('bin/between', '#!/bin/box sh\n'), script('#! /bin/between\n')],
  ],
])('%s starts', (_, entries) => {
  expect(audited(entries, { init })).toEqual([]);
  expect(() => assertStarts(treeOf(...entries), { init })).not.toThrow();
});

const arm64 = elfFile({ machine: ARCHITECTURES.arm64.elf });

test.each<[string, Entry[], string]>([
  ['missing', [], 'init: /init is missing'],
  ['a link to nothing', [symlink('init', 'bin/box')], 'init: /init is missing'],
  ['not executable', [busybox, file('init', '#!/bin/box sh\n')], 'init: /init is not exec'],
  ['empty', [script('')], 'init: /init is neither a program nor a script'],
  ['text', [script('mount -t proc proc /proc\n')], 'init: /init is neither a program nor'],
  [
    'a script for nothing',
    [script('#!/bin/box sh\n')],
    'init: /init is a script for /bin/box, which is missing',
  ],
  [
    'a script for what nobody may execute',
    [file('bin/box', elfFile()), script('#!/bin/box sh\n')],
    'interpreter: /init is a script for /bin/box, which is missing',
  ],
  [
    'a script for text',
    [program('bin/box', 'text'), script('#!/bin/box sh\n')],
    'init: /init is run by /bin/box, which is neither a program nor a script',
  ],
  [
    'a script of Windows',
    [busybox, script('#!/bin/box sh\r\nmount\r\n')],
    'line-ends: /init has CRLF line ends',
  ],
  ['for another CPU', [program('init', arm64)], 'init: /init is a program for another CPU'],
  [
    'a script for a program of another CPU',
    [program('bin/box', arm64), script('#!/bin/box sh\n')],
    'init: /init is run by /bin/box, which is a program for another CPU',
  ],
  [
    'a program without its loader',
    [program('init', elfFile({ interpreter: '/lib/ld.so' }))],
    'library: /init needs the loader /lib/ld.so, which is missing',
  ],
  [
    'a program without a library',
    [program('init', elfFile({ needed: ['libz.so.1'] }))],
    'library: /init needs libz.so.1, which is missing',
  ],
  ['damaged', [program('init', elfFile().subarray(0, 40))], 'library: /init is a '],
])('an init that is %s is refused', (_, entries, told) => {
  expect(() => assertStarts(treeOf(...entries), { init })).toThrow(`\n  ${told}`);
  expect(audited(entries, { init })).toContainEqual(
    expect.stringContaining(told.replace(': /', ': ')),
  );
});

test('an initramfs with a busybox that lacks an applet is refused', () => {
  const entries = [program('init', elfFile()), program('bin/busybox', elfFile())];
  expect(() => assertStarts(treeOf(...entries), { init, applets: ['mount'] })).toThrow(
    'applet: /bin/busybox is not a busybox',
  );
});
