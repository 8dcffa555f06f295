import { expect, test } from 'vitest';
import { formatBytes, formatDuration, formatPercent } from '../../../../apps/text/amount.ts';
import { makePrintable } from '../../../../apps/text/printable.ts';

test('sizes, shares and times are shown in units for people', () => {
  const sizes = [0, 1_023, 1_024, 1_536, 2 ** 40, 2 ** 70];
  expect(sizes.map(formatBytes)).toEqual([
    '0 bytes',
    '1023 bytes',
    '1.0 KiB',
    '1.5 KiB',
    '1.0 TiB',
    '1048576 PiB',
  ]);
  expect([0.126, 2, -1].map(formatPercent)).toEqual(['13 %', '100 %', '0 %']);
  expect([0, 61, 3_600, 90_061].map(formatDuration)).toEqual([
    '0 minutes',
    '1 minute',
    '1 hour 0 minutes',
    '1 day 1 hour',
  ]);
});

test('control characters are replaced in a text', () => {
  expect(makePrintable('\u001b[2J\r\u202eweb ü\n')).toBe('?[2J?web ü?');
});
