import { expect, test } from 'vitest';
import { cut, fitColumn, plain, wrap } from '../../../../../apps/console/kit/text.ts';

test.each([
  ['node7', 'node7'],
  ['\x1b[2J\x1b[31mred\x1b[0m', 'red'],
  ['\x1b]0;title\x07after', 'after'],
  ['one\ntwo\tthree\r', 'one two three '],
  ['caf\u00e9 \u{1f600} \u202eback', 'caf? ? ?back'],
  ['bell\x07 null\x00 delete\x7f', 'bell? null? delete?'],
  ['\x1b', '?'],
  ['\x9b31mc1', 'c1'],
])('%j is drawn as %j', (text, drawn) => {
  expect(plain(text)).toBe(drawn);
});

test('shortened text ends with a mark, and a column has its exact width', () => {
  expect(cut('abcdef', 4)).toBe('abc~');
  expect(cut('abcd', 4)).toBe('abcd');
  expect(cut('abcd', 0)).toBe('');
  expect(fitColumn('ab', 4)).toBe('ab  ');
  expect(fitColumn('abcdef', 4)).toBe('abc~');
});

test('lines are broken at spaces, and within words that are too long', () => {
  expect(wrap('one two three', 8)).toEqual(['one two', 'three']);
  expect(wrap('abcdefghij kl', 4)).toEqual(['abcd', 'efgh', 'ij', 'kl']);
  expect(wrap('', 4)).toEqual(['']);
  expect(wrap('a b', 0)).toEqual(['a', 'b']);
});
