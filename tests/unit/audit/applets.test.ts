import { expect, test } from 'vitest';
import { directory, hardlink, program, symlink } from '../tree/trees.ts';
import { audited } from './findings.ts';

const NAMES = [
  'ash',
  'cat',
  'chmod',
  'getty',
  'init',
  'ip',
  'mount',
  'sed',
  'sleep',
  'switch_root',
  'udhcpc',
];
const busybox = program('bin/busybox', `\0${NAMES.join('\0')}\0`);

test('applets that init calls, and links to busybox, pass if busybox has them', () => {
  const links = [
    directory('sbin'),
    symlink('sbin/init', '../bin/busybox'),
    symlink('bin/cat', '/bin/busybox'),
    hardlink('bin/ash', 'bin/busybox'),
    symlink('bin/busybox.static', 'busybox'),
  ];
  expect(audited([busybox, ...links], { applets: ['mount', 'switch_root'] })).toEqual([]);
});

test('an applet that busybox lacks is a finding, whether called or linked', () => {
  const links = [symlink('bin/vi', 'busybox'), hardlink('bin/tc', 'bin/busybox')];
  expect(audited([busybox, ...links], { applets: ['mount', 'mdev'] })).toEqual([
    'applet: bin/busybox lacks the applet mdev, which init calls',
    'applet: bin/vi is a link to busybox, which lacks that applet',
    'applet: bin/tc is a link to busybox, which lacks that applet',
  ]);
});

test('a missing busybox is a finding if init needs one', () => {
  expect(audited([], { applets: ['mount'] })).toEqual([
    'applet: bin/busybox is missing, and init needs it',
  ]);
  expect(audited([program('bin/busybox', 'text')])).toEqual([
    'applet: bin/busybox is not a busybox: it has no table of applets',
  ]);
});
