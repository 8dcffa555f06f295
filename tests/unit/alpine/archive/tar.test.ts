import { describe, expect, test } from 'vitest';
import { readTarBuffer } from '../../../../build/base/alpine/archive/tar.ts';
import { readTarEntries } from '../../../../build/base/alpine/archive/tar-reader.ts';
import { BuildError } from '../../../../build/error.ts';
import {
  BLOCK,
  END_MARK,
  paxEntry,
  sealed,
  tarEntry,
  tarHeader,
} from '../../../alpine-mirror/tar.ts';

const where = 'a.apk';

/** Reads a tar with both readers, which must agree whatever portions the bytes come in. */
async function both(tar: Buffer, portion = 700): Promise<[name: string, content: string][]> {
  const read = readTarBuffer(tar, where).entries.map(({ header, content }): [string, string] => [
    header.name,
    content.toString(),
  ]);
  const streamed: [string, string][] = [];
  for await (const { header, content } of readTarEntries(portions(tar, portion), where)) {
    streamed.push([header.name, Buffer.concat(await Array.fromAsync(content)).toString()]);
  }
  expect(streamed).toEqual(read);
  return read;
}

async function* portions(bytes: Buffer, size: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

describe('a tar', () => {
  test('is read the same from memory and from a stream in chunks of any size', async () => {
    const tar = Buffer.concat([
      tarEntry({ name: 'usr/', type: '5' }),
      tarEntry({ name: 'usr/a' }, 'x'.repeat(1000)),
      tarEntry({ name: 'usr/empty' }),
      tarEntry({ name: 'usr/b' }, 'y'.repeat(512)),
      END_MARK,
    ]);
    for (const portion of [1, 511, 512, 513, 100_000]) {
      const names = (await both(tar, portion)).map(([name]) => name);
      expect(names).toEqual(['usr/', 'usr/a', 'usr/empty', 'usr/b']);
    }
  });

  test('may end without an end mark, which is reported', () => {
    const entry = tarEntry({ name: 'a' }, 'x');
    expect(readTarBuffer(entry, where).ended).toBe(false);
    expect(readTarBuffer(Buffer.concat([entry, END_MARK]), where).ended).toBe(true);
  });

  test('content that the reader does not consume is skipped', async () => {
    const tar = Buffer.concat([
      tarEntry({ name: 'a' }, 'x'.repeat(5000)),
      tarEntry({ name: 'b' }, 'y'),
    ]);
    const names: string[] = [];
    for await (const { header, content } of readTarEntries(portions(tar, 600), where)) {
      names.push(header.name);
      for await (const _ of content) break;
    }
    expect(names).toEqual(['a', 'b']);
  });

  test('has long names in pax headers, in prefixes and in GNU headers', async () => {
    const long = `${'d'.repeat(99)}/${'e'.repeat(99)}`;
    const prefixed = tarHeader({ name: 'e'.repeat(99) });
    prefixed.write('d'.repeat(99), 345);
    const gnu = tarEntry({ name: '././@LongLink' }, `${long}\0`);
    gnu.write('L', 156);
    const tar = Buffer.concat([
      paxEntry({ path: long }),
      tarEntry({ name: 'short' }),
      sealed(prefixed),
      sealed(gnu),
      tarEntry({ name: 'short' }),
    ]);
    expect(await both(tar)).toEqual([long, long, long].map((name) => [name, '']));
  });

  test('has checksums and binary extended attributes in pax headers', () => {
    const sha1 = 'ab'.repeat(20);
    const capability = Buffer.from('010000020a3d200a0000ff0000000000', 'hex');
    const tar = Buffer.concat([
      paxEntry({ 'SCHILY.xattr.security.capability': capability, 'APK-TOOLS.checksum.SHA1': sha1 }),
      tarEntry({ name: 'ping' }),
      tarEntry({ name: 'next' }),
    ]);
    const [ping, next] = readTarBuffer(tar, where).entries;
    expect(ping?.header.sha1).toBe(sha1);
    expect(ping?.header.xattrs).toMatch(/^[0-9a-f]{40}$/);
    expect(next?.header.sha1).toBeUndefined();
    expect(next?.header.xattrs).toBeUndefined();
  });

  const header = (change: (block: Buffer) => void): Buffer => {
    const block = tarHeader({ name: 'a' });
    change(block);
    return sealed(block);
  };

  test.each<[string, Buffer, string]>([
    ['ends within a header', tarEntry({ name: 'a' }).subarray(0, 300), 'ends within'],
    [
      'ends within content',
      tarEntry({ name: 'a' }, 'x'.repeat(600)).subarray(0, 1024),
      'ends within',
    ],
    ['ends within a pax header', paxEntry({ path: 'a' }).subarray(0, BLOCK), 'ends within'],
    [
      'has content after its end mark',
      Buffer.concat([END_MARK, tarEntry({ name: 'a' })]),
      'follows',
    ],
    ['has a header with a wrong checksum', changed(tarEntry({ name: 'a' }), 0), 'checksum'],
    ['has an invalid number', header((block) => block.write('99', 124)), 'malformed number'],
    ['has a number in base 256', header((block) => block.fill(0x80, 124, 125)), 'malformed number'],
    ['has an unknown type', header((block) => block.write('S', 156)), 'unknown type "S"'],
    ['has a name that is not UTF-8', tarEntry({ name: Buffer.from([0x61, 0xff]) }), 'not UTF-8'],
    ['has an invalid checksum', pax('APK-TOOLS.checksum.SHA1', 'xyz'), 'not a SHA-1'],
    ['has a size record', pax('size', '5'), 'larger than any package'],
    [
      'has a pax record that is too long',
      tarEntry({ name: 'p', type: 'x' }, '99 path=a\n'),
      'malformed',
    ],
    [
      'has a pax record without length',
      tarEntry({ name: 'p', type: 'x' }, 'path=a\n'),
      'malformed',
    ],
    ['has a pax record of length 0', tarEntry({ name: 'p', type: 'x' }, '0 path=a\n'), 'malformed'],
    [
      'has a pax record without value',
      tarEntry({ name: 'p', type: 'x' }, '8 patha\n'),
      'malformed',
    ],
  ])('that %s is refused by both readers', async (_, tar, why) => {
    expect(() => readTarBuffer(tar, where)).toThrow(BuildError);
    expect(() => readTarBuffer(tar, where)).toThrow(why);
    const reading = Array.fromAsync(readTarEntries(portions(tar, 400), where));
    await expect(reading).rejects.toThrow(BuildError);
  });

  test('with a pax header larger than 1 MiB is refused', () => {
    const block = tarHeader({ name: 'p', type: 'x', size: 2 ** 30 });
    expect(() => readTarBuffer(block, where)).toThrow('too large');
  });
});

function changed(bytes: Buffer, at: number): Buffer {
  bytes[at] = (bytes[at] ?? 0) ^ 1;
  return bytes;
}

function pax(key: string, value: string): Buffer {
  return Buffer.concat([paxEntry({ [key]: value }), tarEntry({ name: 'a' })]);
}
