import { expect, test } from 'vitest';
import {
  parseKernelLog,
  selectWarnings,
} from '../../../../../apps/console/appliance/kernel-log.ts';

const LOG = [
  '<6>[    0.000000] Linux version 6.1',
  '<4>[    1.5] a warning',
  'that goes on',
  '<3>[    2.0] an error <6>',
  '<30>[    3.0] a daemon says something',
  '<12>[    4.0] a user warns',
  '<7>[    5.0] debugging',
].join('\n');

test('messages have the level of their priority; a line without one continues the previous message', () => {
  expect(parseKernelLog(LOG).map(({ level }) => level)).toEqual([6, 4, 4, 3, 6, 4, 7]);
  expect(parseKernelLog(LOG)[3]?.text).toBe('[    2.0] an error <6>');
});

test('warnings and worse are picked out', () => {
  expect(selectWarnings(parseKernelLog(LOG)).map(({ text }) => text)).toEqual([
    '[    1.5] a warning',
    'that goes on',
    '[    2.0] an error <6>',
    '[    4.0] a user warns',
  ]);
});

test.each(['', '\n\n', '<', '<>', '<9999>[1] x', '\x00\x1b[2J'])(
  '%j is parsed without an error',
  (text) => {
    for (const message of parseKernelLog(text)) expect(message.level).toBeLessThanOrEqual(7);
  },
);
