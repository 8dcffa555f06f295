import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { readMember } from '../../../../build/base/alpine/archive/gzip.ts';
import { BuildError } from '../../../../build/error.ts';
import { gzipMember } from '../../../alpine-mirror/gzip.ts';

const where = 'a.apk';
const most = 1_000_000;

describe('one gzip member', () => {
  const text = Buffer.from('some text '.repeat(100));

  test('ends at its trailer, whatever follows', () => {
    const member = gzipMember(text);
    for (const rest of [Buffer.alloc(0), gzipMember(text), Buffer.from('garbage')]) {
      const read = readMember({ bytes: Buffer.concat([member, rest]), start: 0, most, where });
      expect(read?.content).toEqual(text);
      expect(read?.end).toBe(member.length);
    }
  });

  test('is found in the middle of a file', () => {
    const before = gzipMember(Buffer.from('first'));
    const bytes = Buffer.concat([before, gzipMember(text)]);
    expect(readMember({ bytes, start: before.length, most, where })?.end).toBe(bytes.length);
  });

  test('may have any header that RFC 1952 allows', () => {
    const plain = gzipSync(text);
    const optional = Buffer.concat([
      Buffer.from([0x1f, 0x8b, 8, 2 | 4 | 8 | 16, 0, 0, 0, 0, 0, 3]),
      Buffer.from([3, 0, 1, 2, 3]),
      Buffer.from('name\0comment\0'),
      Buffer.from([0, 0]),
      plain.subarray(10),
    ]);
    expect(readMember({ bytes: optional, start: 0, most, where })?.content).toEqual(text);
  });

  test('is incomplete as long as any of its bytes is missing', () => {
    const member = gzipMember(text);
    for (let length = 0; length < member.length; length += 1) {
      const bytes = member.subarray(0, length);
      expect(readMember({ bytes, start: 0, most, where })).toBeUndefined();
    }
  });

  test('may be empty', () => {
    expect(
      readMember({ bytes: gzipMember(Buffer.alloc(0)), start: 0, most, where })?.content,
    ).toEqual(Buffer.alloc(0));
  });

  test.each([
    ['is no gzip at all', Buffer.from('PK\x03\x04 and so on'), 'no gzip member starts at byte 0'],
    ['has unknown flags', change(gzipMember(text), 3, 0xe0), 'unknown flags'],
    ['has a wrong CRC', change(gzipMember(text), -8, 1), 'checksum'],
    ['has a wrong length', change(gzipMember(text), -4, 1), 'checksum'],
    ['has an impossible block', change(gzipMember(text), 10, 0x07), 'compressed data is wrong'],
  ])('that %s is refused', (_, bytes, why) => {
    expect(() => readMember({ bytes, start: 0, most, where })).toThrow(BuildError);
    expect(() => readMember({ bytes, start: 0, most, where })).toThrow(why);
  });

  test('that decompresses to more than allowed is refused before it fills the memory', () => {
    const bomb = gzipMember(Buffer.alloc(50_000_000));
    expect(bomb.length).toBeLessThan(60_000);
    expect(() => readMember({ bytes: bomb, start: 0, most, where })).toThrow(
      'more than 1000000 bytes',
    );
  });
});

function change(bytes: Buffer, at: number, mask: number): Buffer {
  const index = at < 0 ? bytes.length + at : at;
  bytes[index] = (bytes[index] ?? 0) ^ mask;
  return bytes;
}
