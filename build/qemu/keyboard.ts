import { BuildError } from '../error.ts';

/** Keys that are pressed together, in QEMU's names (`QKeyCode` of its qapi/ui.json). */
export type Chord = readonly string[];

const NAMED: Readonly<Record<string, Chord>> = {
  ' ': ['spc'],
  '\n': ['ret'],
  '\t': ['tab'],
  '.': ['dot'],
  ',': ['comma'],
  '-': ['minus'],
  '=': ['equal'],
  ';': ['semicolon'],
  "'": ['apostrophe'],
  '/': ['slash'],
  '[': ['bracket_left'],
  ']': ['bracket_right'],
  '\\': ['backslash'],
  '`': ['grave_accent'],
};

/** Characters that need shift → their key on a US keyboard. */
const SHIFTED: Readonly<Record<string, string>> = {
  ...{ '!': '1', '@': '2', '#': '3', $: '4', '%': '5', '^': '6', '&': '7', '*': '8', '(': '9' },
  ...{ ')': '0', _: '-', '+': '=', ':': ';', '"': "'", '<': ',', '>': '.', '?': '/', '|': '\\' },
  ...{ '{': '[', '}': ']', '~': '`' },
};

/**
 * Returns the keys to press, one after the other, to type a text.
 * @throws BuildError for a character that the keyboard lacks
 */
export function findChords(text: string): Chord[] {
  return [...text].map((character) => {
    const plain = SHIFTED[character];
    if (plain !== undefined) return ['shift', ...keyOf(plain)];
    if (/^[A-Z]$/.test(character)) return ['shift', character.toLowerCase()];
    return keyOf(character);
  });
}

function keyOf(character: string): Chord {
  if (/^[a-z0-9]$/.test(character)) return [character];
  const named = NAMED[character];
  if (named === undefined) {
    throw new BuildError({ what: `no key of a keyboard writes ${JSON.stringify(character)}` });
  }
  return named;
}
