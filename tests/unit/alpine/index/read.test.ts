import { describe, expect, test } from 'vitest';
import { readIndex } from '../../../../build/base/alpine/index/read.ts';
import { readTrustedKeys } from '../../../../build/base/alpine/signature/keys.ts';
import { BuildError } from '../../../../build/error.ts';
import { gzipMember } from '../../../alpine-mirror/gzip.ts';
import { indexPart, packIndex } from '../../../alpine-mirror/index.ts';
import { makeKey } from '../../../alpine-mirror/key.ts';
import { signaturePart } from '../../../alpine-mirror/parts.ts';
import { END_MARK, tarEntry } from '../../../alpine-mirror/tar.ts';
import { key, keys } from '../opened.ts';
import { haveReal, REAL_KEY, realFile } from '../real.ts';

const where = 'http://mirror/main';
const stanzas = ['P:a\nV:1-r0\n\n', 'P:b\nV:2-r0\n\n'];
const read = (bytes: Uint8Array, trusted = keys) => readIndex({ bytes, keys: trusted, where });
const names = (bytes: Uint8Array) => read(bytes).packages.map(({ fields }) => fields.get('P'));

describe('a signed index', () => {
  test.each(['RSA', 'RSA256', 'RSA512'] as const)(
    'is read if its %s signature is right',
    (kind) => {
      const bytes = packIndex({ stanzas, description: 'v1', kind }, key);
      expect(read(bytes).description).toBe('v1');
      expect(names(bytes)).toEqual(['a', 'b']);
    },
  );

  test('needs no DESCRIPTION, and may be empty', () => {
    const part = gzipMember(Buffer.concat([tarEntry({ name: 'APKINDEX' }, ''), END_MARK]));
    const index = read(Buffer.concat([signaturePart(part, key), part]));
    expect(index).toEqual({ description: '', packages: [] });
  });

  test('may have additional signatures by other keys', () => {
    const part = indexPart({ stanzas });
    const bytes = [signaturePart(part, makeKey('other')), signaturePart(part, key), part];
    expect(names(Buffer.concat(bytes))).toEqual(['a', 'b']);
  });

  const part = indexPart({ stanzas });
  const signed = signaturePart(part, key);
  const named = (name: string) => gzipMember(Buffer.concat([tarEntry({ name }, 'x'), END_MARK]));
  const signedPart = (bytes: Buffer) => Buffer.concat([signaturePart(bytes, key), bytes]);

  test.each<[string, Buffer, string]>([
    ['without a signature', part, 'it is not signed'],
    [
      'signed by an unknown key',
      packIndex({ stanzas }, makeKey('stranger')),
      'by stranger, which is not a trusted key',
    ],
    [
      'signed by another key of that name',
      packIndex({ stanzas }, makeKey(key.name)),
      'signature is wrong',
    ],
    [
      'with the signature of another index',
      Buffer.concat([signaturePart(part, key), indexPart({ stanzas: [] })]),
      'signature is wrong',
    ],
    [
      'with bytes after its end',
      Buffer.concat([signed, part, Buffer.from('x')]),
      'something follows its end',
    ],
    [
      'with another index after it',
      Buffer.concat([signed, part, part]),
      'something follows its end',
    ],
    ['that is truncated', Buffer.concat([signed, part]).subarray(0, -1), 'truncated'],
    ['that is only a signature', signed, 'no index in it'],
    ['that is nothing', Buffer.alloc(0), 'no index in it'],
    ['that is a web page', Buffer.from('<html>404</html>'), 'no gzip member starts'],
    ['in apk’s format v3', Buffer.from('ADBd....'), 'format v3 (ADB)'],
    ['without APKINDEX', signedPart(named('README')), 'no APKINDEX'],
    [
      'with a line that is no field',
      packIndex({ stanzas: ['P:a\nnonsense\n'] }, key),
      'line 2 is not',
    ],
  ])('%s is refused', (_, bytes, why) => {
    expect(() => read(bytes)).toThrow(BuildError);
    expect(() => read(bytes)).toThrow(why);
    expect(() => read(bytes)).toThrow(where);
  });

  test('with any single bit changed is refused, or reads the same', () => {
    const bytes = packIndex({ stanzas }, key);
    const whole = read(bytes);
    const start = signaturePart(part, key).length;
    for (let bit = 0; bit < bytes.length * 8; bit += 1) {
      const at = bit >> 3;
      const changed = Buffer.from(bytes);
      changed[at] = (changed[at] ?? 0) ^ (1 << (bit & 7));
      const result = attempt(() => read(changed));
      if (result instanceof BuildError) continue;
      expect(at, 'a signed byte was changed').toBeLessThan(start);
      expect(result).toEqual(whole);
    }
  });
});

describe.skipIf(!haveReal)('the main index of Alpine 3.17', () => {
  const real = () => realFile('APKINDEX.tar.gz');
  const trusted = () => readTrustedKeys([[REAL_KEY, realFile(REAL_KEY).toString()]]);

  test('is read with the key that signed it', () => {
    const { description, packages } = read(real(), trusted());
    expect(description).toMatch(/^v3\.17\.3-216-g/);
    expect(packages).toHaveLength(5004);
    expect(
      packages.every(({ fields }) => fields.has('C') && fields.has('P') && fields.has('V')),
    ).toBe(true);
  });

  test('is refused with another key, and with a changed byte anywhere in the signed part', () => {
    const bytes = real();
    expect(() => read(bytes)).toThrow('not a trusted key');
    const stranger = readTrustedKeys([[REAL_KEY, key.pem]]);
    expect(() => read(bytes, stranger)).toThrow('signature is wrong');
    for (let at = 2000; at < bytes.length; at += 40_000) {
      const changed = Buffer.from(bytes);
      changed[at] = (changed[at] ?? 0) ^ 0x10;
      expect(() => read(changed, trusted())).toThrow(BuildError);
    }
  });
});

/** Returns the result or the BuildError of an action; other errors are rethrown. */
function attempt<T>(action: () => T): T | BuildError {
  try {
    return action();
  } catch (error) {
    if (error instanceof BuildError) return error;
    throw error;
  }
}
