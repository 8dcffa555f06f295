import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { listBusyboxApplets } from '../../../build/elf/busybox.ts';
import { BuildError } from '../../../build/error.ts';

const NAMES = [
  '[',
  '[[',
  'ash',
  'base64',
  'cat',
  'chmod',
  'getty',
  'init',
  'ip',
  'sh',
  'udhcpc6',
  'zcat',
];
const table = (names: string[]) => `${names.join('\0')}\0`;

test('the table of applets is found between other strings', () => {
  const noise = 'usage: cat\0cat\0dog\0';
  const binary = Buffer.from(`${noise}\0BusyBox v1\0${table(NAMES)}\0\0more\0zz\0`);
  expect(listBusyboxApplets(binary)).toEqual(NAMES);
});

test.skipIf(!existsSync('/bin/busybox'))('the applets are those that busybox lists itself', () => {
  const listed = execFileSync('/bin/busybox', ['--list'], { encoding: 'utf8' }).trim().split('\n');
  expect(listBusyboxApplets(readFileSync('/bin/busybox'))).toEqual(listed);
});

test.each([
  ['nothing', Buffer.alloc(0)],
  ['a file without names', Buffer.alloc(10_000)],
  ['a table that is too short', Buffer.from(`\0${table(['ash', 'cat', 'sh'])}`)],
  ['names without an end', Buffer.from(`\0cat\0${'x'.repeat(100_000)}`)],
])('%s is not a busybox', (_, bytes) => {
  expect(() => listBusyboxApplets(bytes)).toThrow(BuildError);
});

test('many false tables are not read as one', () => {
  const bytes = Buffer.from('\0cat\0dog'.repeat(200_000));
  expect(() => listBusyboxApplets(bytes)).toThrow(BuildError);
});
