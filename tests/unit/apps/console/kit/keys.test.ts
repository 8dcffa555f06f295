import { PassThrough } from 'node:stream';
import { expect, test } from 'vitest';
import { type Key, listenToKeys } from '../../../../../apps/console/kit/keys.ts';

/** Returns the keys that are read from bytes, which arrive in these pieces. */
async function keysOf(pieces: readonly string[]): Promise<string[]> {
  const input = new PassThrough();
  const keys: Key[] = [];
  const { promise, resolve } = Promise.withResolvers<void>();
  const end = listenToKeys(input, (key) => {
    if (key.name === 'character' && key.character === '$') resolve();
    else keys.push(key);
  });
  for (const piece of [...pieces, '$']) {
    input.write(piece);
    await new Promise(setImmediate);
  }
  await promise;
  end();
  return keys.map((key) => (key.name === 'character' ? `'${key.character}'` : key.name));
}

const FUNCTION_KEYS = [
  ['Linux console', ['\x1b[[A', '\x1b[[B', '\x1b[[C', '\x1b[[D', '\x1b[[E']],
  ['VT220', ['\x1b[11~', '\x1b[12~', '\x1b[13~', '\x1b[14~', '\x1b[15~']],
  ['xterm', ['\x1bOP', '\x1bOQ', '\x1bOR', '\x1bOS', '\x1b[15~']],
] as const;

test.each(FUNCTION_KEYS)('function keys of %s are recognized', async (_, sequences) => {
  const rest = ['\x1b[17~', '\x1b[18~', '\x1b[19~', '\x1b[20~'];
  expect(await keysOf([...sequences, ...rest])).toEqual(
    [1, 2, 3, 4, 5, 6, 7, 8, 9].map((number) => `f${number}`),
  );
});

test.each(FUNCTION_KEYS)(
  'function keys of %s are recognized byte by byte, as from a serial line',
  async (_, [f1, f2]) => {
    expect(await keysOf([...f1, ...f2])).toEqual(['f1', 'f2']);
  },
);

test.each([
  ['\x1b[A\x1b[B\x1b[C\x1b[D', ['up', 'down', 'right', 'left']],
  ['\x1bOA\x1bOB\x1bOC\x1bOD', ['up', 'down', 'right', 'left']],
  ['\x1b[1~\x1b[4~\x1b[H\x1b[F', ['home', 'end', 'home', 'end']],
  ['\x1b[5~\x1b[6~\x1b[3~', ['pageup', 'pagedown', 'delete']],
  ['\r\t\x1b[Z\x7f\b', ['enter', 'tab', 'backtab', 'backspace', 'backspace']],
  ['aZ9/ .', ["'a'", "'Z'", "'9'", "'/'", "' '", "'.'"]],
  ['\x03\x0c', ['interrupt', 'redraw']],
  ['\u00e9', ["'\u00e9'"]],
])('%j is read as %j', async (bytes, names) => {
  expect(await keysOf([bytes])).toEqual(names);
});

test('other control characters, keys with Alt and unknown sequences are ignored', async () => {
  expect(await keysOf(['\x01\x1a', '\x1bx', '\x1b[99~', '\x00'])).toEqual([]);
});
