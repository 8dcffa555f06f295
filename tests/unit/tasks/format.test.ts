import { describe, expect, test } from 'vitest';
import {
  formatBytes,
  formatProgress,
  formatSeconds,
  formatTable,
} from '../../../tasks/ui/format.ts';

test.each([
  [0, '0 B'],
  [999, '999 B'],
  [1000, '1.0 kB'],
  [36_200_000, '36.2 MB'],
  [99_949_999, '99.9 MB'],
  [123_400_000, '123 MB'],
  [5_000_000_000_000_000, '5000 TB'],
])('%i bytes are %s', (bytes, text) => {
  expect(formatBytes(bytes)).toBe(text);
});

test.each([
  [0, '0.00 s'],
  [0.42, '0.42 s'],
  [12.34, '12.3 s'],
  [100, '1 min 40 s'],
  [119.7, '2 min 0 s'],
  [200, '3 min 20 s'],
])('%d seconds are %s', (seconds, text) => {
  expect(formatSeconds(seconds)).toBe(text);
});

describe('progress', () => {
  test('shows share, amount, rate and remaining time', () => {
    expect(formatProgress(120_000_000, 290_000_000, 60_000_000)).toBe(
      '41 %, 120 MB of 290 MB, 60.0 MB/s, 2.83 s left',
    );
  });

  test('has no rate at the start, and 100 % of nothing is done', () => {
    expect(formatProgress(0, 10, 0)).toBe('0 %, 0 B of 10 B');
    expect(formatProgress(0, 0, 0)).toBe('100 %, 0 B of 0 B');
  });
});

test('columns are as wide as their widest cell, and lines have no blanks at their end', () => {
  const rows = [
    ['File', 'Size', ''],
    ['quantix-os.iso', '1 B', 'from the cache'],
    ['x', '', ''],
  ];
  expect(formatTable(rows)).toBe('File            Size\nquantix-os.iso  1 B   from the cache\nx');
  expect(formatTable([])).toBe('');
});
