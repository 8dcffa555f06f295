import { expect, test } from 'vitest';
import { parseStanzas, required } from '../../../../build/base/debian/apt/stanza.ts';

const fields = (text: string) =>
  parseStanzas(text, 'apt-cache show').map((stanza) => Object.fromEntries(stanza));

test('paragraphs are told apart by blank lines, and names of fields are in lower case', () => {
  expect(fields('\n\nPackage: bash\nVersion: 5.2\n\n \nPACKAGE: dash\n')).toEqual([
    { package: 'bash', version: '5.2' },
    { package: 'dash' },
  ]);
});

test('lines that go on are joined, and values keep their colons', () => {
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

test('of a field that comes twice the last one counts', () => {
  expect(fields('Size: 1\nSize: 2')).toEqual([{ size: '2' }]);
});

test('lines that begin with # are comments', () => {
  expect(fields('# one\nPackage: bash\n#Version: 1\n\n# two\n')).toEqual([{ package: 'bash' }]);
});

test('no text has no paragraphs', () => {
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
])('%j is refused with its beginning', (text, shown) => {
  expect(() => fields(text)).toThrow(`not a field: ${JSON.stringify(shown)} (apt-cache show)`);
});

test('a field named as a property of every object is a field like others', () => {
  const [stanza] = parseStanzas('__proto__: x\nconstructor: y', 'x');
  expect(stanza?.get('__proto__')).toBe('x');
  expect(stanza?.get('tostring')).toBeUndefined();
});

test('a package without a field it must have is reported by name', () => {
  const [bash = new Map(), nameless = new Map()] = parseStanzas('Package: bash\n\nSize: 1', 'x');
  expect(required(bash, 'package')).toBe('bash');
  expect(() => required(bash, 'sha256')).toThrow('package bash has no field sha256. The mirror’s');
  expect(() => required(nameless, 'version')).toThrow('package (without a name) has no field');
});
