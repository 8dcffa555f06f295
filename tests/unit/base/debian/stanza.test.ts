import { expect, test } from 'vitest';
import { parseStanzas, requireField } from '../../../../build/base/debian/apt/stanza.ts';

const fields = (text: string) =>
  parseStanzas(text, 'apt-cache show').map((stanza) => Object.fromEntries(stanza));

test('paragraphs are separated by blank lines, and field names become lower case', () => {
  expect(fields('\n\nPackage: bash\nVersion: 5.2\n\n \nPACKAGE: dash\n')).toEqual([
    { package: 'bash', version: '5.2' },
    { package: 'dash' },
  ]);
});

test('continuation lines are joined, and values may have colons', () => {
  const text = 'Depends: a,\n b (>= 1:2),\n\tc\nHomepage: https://x.example\nEmpty:\nX:y';
  expect(fields(text)).toEqual([
    { depends: 'a, b (>= 1:2), c', homepage: 'https://x.example', empty: '', x: 'y' },
  ]);
});

test('carriage returns do not become part of a value', () => {
  expect(fields('Package: bash\r\nVersion: 5\r\n\r\nPackage: dash\r\n')).toEqual([
    { package: 'bash', version: '5' },
    { package: 'dash' },
  ]);
});

test('of a repeated field the last one is used', () => {
  expect(fields('Size: 1\nSize: 2')).toEqual([{ size: '2' }]);
});

test('lines that begin with # are comments', () => {
  expect(fields('# one\nPackage: bash\n#Version: 1\n\n# two\n')).toEqual([{ package: 'bash' }]);
});

test('empty text has no paragraphs', () => {
  expect(fields('')).toEqual([]);
  expect(fields('\n \n\t\n')).toEqual([]);
});

test.each([
  ['N: Unable to locate package\nE', 'E'],
  ['Package bash', 'Package bash'],
  [': bash', ': bash'],
  [' continued from nothing', ' continued from nothing'],
  ['a b: c', 'a b: c'],
  [`${'x'.repeat(500)}`, `${'x'.repeat(80)}`],
])('%j is refused with the beginning of the line', (text, shown) => {
  expect(() => fields(text)).toThrow(`not a field: ${JSON.stringify(shown)} (apt-cache show)`);
});

test('a field with the name of a JavaScript object property is an ordinary field', () => {
  const [stanza] = parseStanzas('__proto__: x\nconstructor: y', 'x');
  expect(stanza?.get('__proto__')).toBe('x');
  expect(stanza?.get('tostring')).toBeUndefined();
});

test('a package without a required field is reported by name', () => {
  const [bash = new Map(), nameless = new Map()] = parseStanzas('Package: bash\n\nSize: 1', 'x');
  expect(requireField(bash, 'package')).toBe('bash');
  expect(() => requireField(bash, 'sha256')).toThrow(
    'package bash has no field sha256. The mirror’s',
  );
  expect(() => requireField(nameless, 'version')).toThrow('package (without a name) has no field');
});
