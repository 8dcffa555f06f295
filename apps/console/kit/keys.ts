import type { EventEmitter } from 'node:events';
import { emitKeypressEvents } from 'node:readline';
import type { Readable } from 'node:stream';
import * as z from 'zod';

/** Names of keys that are not characters. */
export type KeyName =
  | `f${1 | 2 | 3 | 4 | 5 | 6 | 7 | 8 | 9 | 10 | 11 | 12}`
  | 'enter'
  | 'escape'
  | 'tab'
  | 'backtab'
  | 'backspace'
  | 'delete'
  | 'up'
  | 'down'
  | 'left'
  | 'right'
  | 'home'
  | 'end'
  | 'pageup'
  | 'pagedown'
  | 'redraw'
  | 'interrupt';

/** A key that was pressed. */
export type Key = { name: KeyName } | { name: 'character'; character: string };

/**
 * Node's description of a key, from readline.emitKeypressEvents, which knows the keys of the Linux console, VT100 and
 * xterm.
 */
const keypressSchema = z.object({
  name: z.string().optional(),
  sequence: z.string().optional(),
  ctrl: z.boolean(),
  meta: z.boolean(),
  shift: z.boolean(),
});

type Keypress = z.infer<typeof keypressSchema>;

const NAMES: Record<string, KeyName> = {
  return: 'enter',
  enter: 'enter',
  escape: 'escape',
  tab: 'tab',
  backspace: 'backspace',
  delete: 'delete',
  up: 'up',
  down: 'down',
  left: 'left',
  right: 'right',
  home: 'home',
  end: 'end',
  pageup: 'pageup',
  pagedown: 'pagedown',
  f1: 'f1',
  f2: 'f2',
  f3: 'f3',
  f4: 'f4',
  f5: 'f5',
  f6: 'f6',
  f7: 'f7',
  f8: 'f8',
  f9: 'f9',
  f10: 'f10',
  f11: 'f11',
  f12: 'f12',
};

/** Control characters with a meaning: Ctrl-C and Ctrl-L. */
const CONTROLS: Record<string, KeyName> = { c: 'interrupt', l: 'redraw' };

/** Converts Node's description of a key; `null` for a key without a meaning here. */
export function toKey(text: string | undefined, keypress: Keypress): Key | null {
  const { name, sequence, ctrl, meta, shift } = keypress;
  if (ctrl) {
    const control = CONTROLS[name ?? ''];
    return control === undefined ? null : { name: control };
  }
  if (name === 'tab' && shift) return { name: 'backtab' };
  const known = NAMES[name ?? ''];
  if (known !== undefined) return { name: known };
  const character = text ?? sequence ?? '';
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is refused
  if (meta || [...character].length !== 1 || /[\x00-\x1f\x7f-\x9f]/.test(character)) return null;
  return { name: 'character', character };
}

/**
 * Reports the keys that are pressed on a terminal, also if their sequences arrive byte by byte, as on a serial line.
 * @returns a function that ends it
 */
export function listenToKeys(input: Readable, onKey: (key: Key) => void): () => void {
  emitKeypressEvents(input);
  const emitter: EventEmitter = input;
  const listen = (text: unknown, keypress: unknown) => {
    const key = toKey(typeof text === 'string' ? text : undefined, keypressSchema.parse(keypress));
    if (key !== null) onKey(key);
  };
  emitter.on('keypress', listen);
  return () => void emitter.off('keypress', listen);
}

/** Returns the typed character in lower case; empty for another key. */
export function getLetter(key: Key): string {
  return key.name === 'character' ? key.character.toLowerCase() : '';
}
