import { expect, test } from 'vitest';
import { BuildError } from '../../../build/error.ts';
import { findChords } from '../../../build/qemu/keyboard.ts';

test('text is translated into the keys that type it', () => {
  expect(findChords('10.0.2.7/24\n')).toEqual([
    ...[['1'], ['0'], ['dot'], ['0'], ['dot'], ['2'], ['dot'], ['7']],
    ...[['slash'], ['2'], ['4'], ['ret']],
  ]);
  expect(findChords('aB_?')).toEqual([
    ['a'],
    ['shift', 'b'],
    ['shift', 'minus'],
    ['shift', 'slash'],
  ]);
});

test('a character without a key is an error', () => {
  expect(() => findChords('é')).toThrow(BuildError);
});
