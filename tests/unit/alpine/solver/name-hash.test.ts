import { expect, test } from 'vitest';
import { hashMurmur3, sortByTable } from '../../../../build/base/alpine/database/name-hash.ts';

test.each([
  ['', 0, 0],
  ['', 1, 0x514e28b7],
  ['test', 0, 0xba6bd213],
  ['test', 0x9747b28c, 0x704b81dc],
  ['Hello, world!', 0, 0xc0363e43],
  ['The quick brown fox jumps over the lazy dog', 0x9747b28c, 0x2fa826cd],
  ['aaa', 0x9747b28c, 0x283e0130],
  ['ππππππππ', 0x9747b28c, 0xd58063c1],
])('the hash of %j with seed %d is that of MurmurHash3', (text, seed, hash) => {
  expect(hashMurmur3(text, seed)).toBe(hash);
});

test('the table order has each name once, and is stable', () => {
  const names = Array.from({ length: 50_000 }, (_, i) => ({ name: `name-${i}` }));
  const ordered = sortByTable(names);
  expect(new Set(ordered).size).toBe(names.length);
  expect(sortByTable(names)).toEqual(ordered);
  const buckets = ordered.map(({ name }) => hashMurmur3(name) % 20_000);
  expect(buckets).toEqual(buckets.toSorted((a, b) => a - b));
});
