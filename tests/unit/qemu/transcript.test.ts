import { expect, test } from 'vitest';
import { Transcript } from '../../../build/qemu/transcript.ts';

const ESC = '\x1b';
const SCREEN = `${ESC}[2J${ESC}[01;01H${ESC}[=3h${ESC}(B${ESC}[0;37;40mGrüße${ESC}[m 🚀\r\n${ESC}7line${ESC}8\0\n`;

/** Returns the transcript of bytes that come in chunks of one size. */
function kept(bytes: Uint8Array, size: number): string {
  const transcript = new Transcript();
  for (let from = 0; from < bytes.length; from += size) {
    transcript.append(bytes.subarray(from, from + size));
  }
  return transcript.text;
}

test.each([1, 2, 3, 5, 7, 1000])(
  'control sequences and UTF-8 stay intact in chunks of %i',
  (size) => {
    expect(kept(Buffer.from(SCREEN), size)).toBe('Grüße 🚀\nline\n');
  },
);

test('an escape that is not a control sequence is kept, and does not delay what follows', () => {
  const transcript = new Transcript();
  transcript.append(Buffer.from(`a${ESC}`));
  expect(transcript.text).toBe('a');
  transcript.append(Buffer.from('Zb'));
  expect(transcript.text).toBe(`a${ESC}Zb`);
  transcript.append(Buffer.from(`${ESC}[${'1;'.repeat(100)}`));
  expect(transcript.text).toContain('1;1;');
});

test('bytes that are not UTF-8 become replacement characters', () => {
  expect(kept(Buffer.from([0x61, 0xff, 0x62]), 1)).toBe('a\ufffdb');
});

const find = (pattern: RegExp) => (text: string) => pattern.exec(text)?.[0];

test('a wait ends at once for text that is already there', async () => {
  const transcript = new Transcript();
  transcript.append(Buffer.from('login: '));
  expect(await transcript.waitFor(find(/login: $/))).toBe('login: ');
});

test('a wait ends with the chunk that completes the text, and does not look at later ones', async () => {
  const transcript = new Transcript();
  let asked = 0;
  const waiting = transcript.waitFor((text) => {
    asked += 1;
    return find(/ready/)(text);
  });
  for (const part of ['re', 'ad', 'y', ' and on']) transcript.append(Buffer.from(part));
  expect(await waiting).toBe('ready');
  expect(asked).toBe(4);
});

test('a wait from a position ignores earlier text', async () => {
  const transcript = new Transcript();
  transcript.append(Buffer.from('ready 1\n'));
  const waiting = transcript.waitFor(find(/ready \d/), transcript.end);
  transcript.append(Buffer.from('ready 2\n'));
  expect(await waiting).toBe('ready 2');
});

test('after 8 MiB the beginning is dropped, and positions stay valid', async () => {
  const transcript = new Transcript();
  transcript.append(Buffer.from('the beginning\n'));
  const line = Buffer.from(`${'x'.repeat(1023)}\n`.repeat(1024));
  for (let index = 0; index < 8; index += 1) transcript.append(line);
  expect(transcript.text).toHaveLength(8 * 1024 * 1024);
  expect(transcript.text).not.toContain('beginning');
  const end = transcript.end;
  expect(end).toBe(14 + 8 * 1024 * 1024);
  const waiting = transcript.waitFor(find(/after \d/), end);
  transcript.append(Buffer.from('after 1\n'));
  expect(await waiting).toBe('after 1');
  expect(await transcript.waitFor(find(/^./), 0)).toBe('x');
});

test('the last lines are available for an error message', () => {
  const transcript = new Transcript();
  transcript.append(
    Buffer.from(Array.from({ length: 30 }, (_, index) => `line ${index}\n`).join('')),
  );
  expect(transcript.tail(2)).toBe('line 28\nline 29');
  expect(transcript.tail().split('\n')).toHaveLength(20);
  expect(new Transcript().tail()).toBe('');
});
