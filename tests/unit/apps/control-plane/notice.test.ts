import { expect, test } from 'vitest';
import { parseNotice } from '../../../../apps/control-plane/health/notice.ts';

const parse = (text: string | Uint8Array) =>
  parseNotice(typeof text === 'string' ? Buffer.from(text) : text);

test('a notice is the first line of the file that a service left', () => {
  expect(parse('etcd was set aside as /var/lib/etcd/damaged\n')).toBe(
    'etcd was set aside as /var/lib/etcd/damaged',
  );
  expect(parse('first\nsecond\n')).toBe('first');
});

test('unprintable characters are removed, and an empty notice gets a default text', () => {
  expect(parse('\x1b[2Jred\x07\u202e alert\r\n')).toBe('[2Jred alert');
  expect(parse(Buffer.from([0xff, 0xfe, 0x00]))).toBe('\ufffd\ufffd');
  for (const empty of ['', '\n', '\0\0\0', ' \t\nsecond']) {
    expect(parse(empty)).toBe('the reason was not noted');
  }
});

test('only the beginning of an endless notice is read', () => {
  expect(parse('x'.repeat(1_000_000))).toHaveLength(4096);
});
