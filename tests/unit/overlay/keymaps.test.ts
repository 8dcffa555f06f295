import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { PROJECT } from '../profile/profiles.ts';

const FOLDER = join(PROJECT, 'overlay/common/usr/share/quantix/keymaps');

/** Names of characters in loadkeys(1). */
const SIGNS: Readonly<Record<string, string>> = {
  ...{ exclam: '!', quotedbl: '"', numbersign: '#', dollar: '$', percent: '%', ampersand: '&' },
  ...{ apostrophe: "'", parenleft: '(', parenright: ')', asterisk: '*', plus: '+', comma: ',' },
  ...{ minus: '-', period: '.', slash: '/', colon: ':', semicolon: ';', less: '<', equal: '=' },
  ...{ greater: '>', question: '?', at: '@', bracketleft: '[', backslash: '\\', bracketright: ']' },
  ...{ asciicircum: '^', underscore: '_', grave: '`', braceleft: '{', bar: '|', braceright: '}' },
  ...{ asciitilde: '~', zero: '0', one: '1', two: '2', three: '3', four: '4', five: '5', six: '6' },
  ...{ seven: '7', eight: '8', nine: '9', VoidSymbol: '' },
};

/**
 * Keys that send characters, by their numbers in the kernel: five rows of a PC keyboard, and the key to the right of
 * the left Shift.
 */
const KEYS = [...range(2, 13), ...range(16, 27), ...range(30, 41), ...range(43, 53), 86];

function range(first: number, last: number): number[] {
  return Array.from({ length: last - first + 1 }, (_, index) => first + index);
}

/** Returns the characters that keys send, by names such as `plain 16`; a layout changes keys of `us`. */
function layout(name: string): Map<string, string> {
  const keys = name === 'us' ? new Map<string, string>() : layout('us');
  for (const line of readFileSync(join(FOLDER, `${name}.map`), 'utf8')
    .trimEnd()
    .split('\n')) {
    if (line.startsWith('# ')) continue;
    const [, column, key = '', symbol = ''] =
      /^(?:(plain|shift|altgr) )?keycode (\d+) = (\w+)$/.exec(line) ?? [];
    expect(KEYS, line).toContain(Number(key));
    const sign = symbol.length === 1 ? symbol : SIGNS[symbol];
    if (sign === undefined) throw new Error(`${name}.map: ${line}`);
    if (column !== undefined) {
      keys.set(`${column} ${key}`, sign);
      continue;
    }
    // A line without a column sets a letter in all columns.
    expect(sign, line).toMatch(/^[a-z]$/);
    for (const each of ['plain', 'shift', 'altgr']) {
      keys.set(`${each} ${key}`, each === 'shift' ? sign.toUpperCase() : sign);
    }
  }
  return keys;
}

const names = readdirSync(FOLDER).map((file) => file.replace('.map', ''));
const printable = range(0x21, 0x7e).map((code) => String.fromCharCode(code));

test.each(names)('with the layout %s every character of a password can be typed', (name) => {
  const keys = layout(name);
  expect(keys.size).toBe(3 * KEYS.length);
  const typed = new Set(keys.values());
  expect(printable.filter((character) => !typed.has(character))).toEqual([]);
});

test.each([
  ['us', { 'plain 16': 'q', 'shift 3': '@', 'shift 40': '"' }],
  ['gb', { 'shift 3': '"', 'shift 40': '@', 'plain 43': '#', 'plain 86': '\\' }],
  ['de', { 'plain 21': 'z', 'plain 44': 'y', 'altgr 16': '@', 'shift 8': '/', 'altgr 12': '\\' }],
  ['ch', { 'plain 21': 'z', 'altgr 3': '@', 'shift 2': '+', 'altgr 4': '#' }],
  ['fr', { 'plain 16': 'a', 'plain 30': 'q', 'plain 17': 'z', 'shift 2': '1', 'altgr 11': '@' }],
  ['be', { 'plain 16': 'a', 'altgr 3': '@', 'shift 11': '0' }],
  ['es', { 'shift 8': '/', 'altgr 3': '@', 'plain 53': '-' }],
  ['it', { 'altgr 39': '@', 'altgr 40': '#' }],
  ['se', { 'altgr 3': '@', 'shift 8': '/', 'altgr 12': '\\' }],
  ['pl', { 'plain 21': 'y', 'shift 3': '@' }],
])('the layout %s has these keys', (name, keys) => {
  expect(Object.fromEntries(layout(name))).toMatchObject(keys);
});

test('the first line of a layout has its title', () => {
  for (const name of names) {
    expect(name).toMatch(/^[a-z]+$/);
    expect(readFileSync(join(FOLDER, `${name}.map`), 'utf8')).toMatch(
      /^# [A-Z][A-Za-z ,()]{3,30}\n/,
    );
  }
});
