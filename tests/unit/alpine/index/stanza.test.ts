import { expect, test } from 'vitest';
import {
  parseStanzas,
  readSolverFields,
  requireField,
} from '../../../../build/base/alpine/index/stanza.ts';
import { BuildError } from '../../../../build/error.ts';

test('stanzas are separated by one or more blank lines, and the last needs none', () => {
  const stanzas = parseStanzas('\nP:a\nV:1\n\n\nP:b\nV:2', 'x');
  expect(stanzas.map(({ fields }) => [...fields])).toEqual([
    [
      ['P', 'a'],
      ['V', '1'],
    ],
    [
      ['P', 'b'],
      ['V', '2'],
    ],
  ]);
  expect(stanzas.map(({ line }) => line)).toEqual([2, 6]);
  expect(stanzas.map(({ text }) => text)).toEqual(['P:a\nV:1\n', 'P:b\nV:2']);
});

test('unknown letters are kept, and values may be empty or contain colons', () => {
  const [stanza] = parseStanzas('P:a\nX:1:2\nz:\n', 'x');
  expect([...(stanza?.fields ?? [])]).toEqual([
    ['P', 'a'],
    ['X', '1:2'],
    ['z', ''],
  ]);
});

test('dependencies on several lines are one list; of other letters the last line counts', () => {
  const [stanza] = parseStanzas('D:a b\nD:c\nT:one\nT:two\n', 'x');
  expect(stanza?.fields.get('D')).toBe('a b c');
  expect(stanza?.fields.get('T')).toBe('two');
});

test('the fields for the solver are read without parsing the others', () => {
  const picked = parseStanzas('P:a\nV:1\nD:b\nD:c\nT:one\n', 'x')[0]?.picked;
  const unread = {
    picked,
    get fields(): ReadonlyMap<string, string> {
      throw new Error('the fields were made');
    },
  };
  expect(readSolverFields(unread)).toMatchObject({ P: 'a', V: '1', D: 'b c', unknown: undefined });
});

test('lines about files are in the text of a stanza, and are no fields', () => {
  const [stanza] = parseStanzas('P:a\nF:etc\nM:0:0:700\nR:x\na:0:0:600\nZ:Q1\n', 'x');
  expect([...(stanza?.fields.keys() ?? [])]).toEqual(['P']);
  expect(stanza?.text).toContain('R:x\n');
});

test('a line of any length is read', () => {
  const provides = 'so:lib.so.1=1 '.repeat(100_000);
  const [stanza] = parseStanzas(`P:a\np:${provides}\n`, 'x');
  expect(stanza?.fields.get('p')).toBe(provides);
});

test.each(['no colon', 'x', 'PP:a', ' P:a', '\r'])(
  'the line %j is refused, and the error has its number',
  (line) => {
    expect(() => parseStanzas(`P:a\n${line}\n`, 'APKINDEX')).toThrow(BuildError);
    expect(() => parseStanzas(`P:a\n${line}\n`, 'APKINDEX')).toThrow('line 2 is not');
  },
);

test('empty text has no stanzas', () => {
  expect(parseStanzas('', 'x')).toEqual([]);
  expect(parseStanzas('\n\n\n', 'x')).toEqual([]);
});

test('a package without a required field is refused, and the error names package and line', () => {
  const [stanza] = parseStanzas('\nP:a\nV:\n', 'x');
  if (stanza === undefined) throw new Error('no stanza');
  expect(requireField(stanza, 'P', 'x')).toBe('a');
  expect(() => requireField(stanza, 'V', 'x')).toThrow('package a has no field V: (x, line 2)');
});
