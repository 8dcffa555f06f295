import { createHash } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { canonicalizeIdentity } from '../../../build/base/alpine/database/identity.ts';
import { parseInstalled } from '../../../build/base/alpine/installed/read.ts';
import { packIndex } from '../../alpine-mirror/index.ts';
import { packPackage } from '../../alpine-mirror/package.ts';
import { assembled, folder, mirror, world } from './mirror-world.ts';
import { key, openBytes } from './opened.ts';

const sha1 = createHash('sha1').update('x').digest();
const sha256 = createHash('sha256').update('x').digest();
const base64 = (bytes: Buffer) => bytes.toString('base64');
const SHA1 = `Q1${base64(sha1)}`;
const SHA256 = `Q2${base64(sha256)}`;

test.each([
  ['Q1 of a SHA-1', SHA1, SHA1],
  ['X1 of a SHA-1', `X1${sha1.toString('hex')}`, SHA1],
  ['Q2', SHA256, SHA256],
  ['X2', `X2${sha256.toString('hex')}`, SHA256],
  ['Q1 with 44 digits', `Q1${base64(sha256)}`, SHA256],
  [
    'Q1 with 44 digits, in two parts as apk 3 reads it',
    `Q1${base64(sha256.subarray(0, 20))}${base64(sha256.subarray(20))}`,
    SHA256,
  ],
  ['X1 with 64 digits', `X1${sha256.toString('hex').toUpperCase()}`, SHA256],
])('an identity may be written as %s', (_, text, canonical) => {
  expect(canonicalizeIdentity(text)).toBe(canonical);
});

test.each([
  '',
  'Q',
  SHA1.slice(0, -1),
  `${SHA1}A`,
  SHA256.slice(0, -1),
  `${SHA256}AA`,
  `Q2${base64(sha1)}`,
  `Q3${base64(sha1)}`,
  `X2${sha1.toString('hex')}`,
  `${SHA1}\n`,
  `Q1${'A'.repeat(100_000)}`,
])('%j is not an identity', (text) => {
  expect(canonicalizeIdentity(text)).toBeUndefined();
});

/** The stanza of a package with the SHA-256 of its control part as its identity. */
function withSha256({ stanza, bytes }: { stanza: string; bytes: Buffer }): string {
  return stanza.replace(/^C:.*$/m, `C:Q2${base64(controlDigest(bytes))}`);
}

/** SHA-256 of the second gzip member. */
function controlDigest(bytes: Buffer): Buffer {
  const magic = Buffer.from('1f8b0800000000000203', 'hex');
  const control = bytes.indexOf(magic, magic.length);
  const data = bytes.indexOf(magic, control + magic.length);
  return createHash('sha256').update(bytes.subarray(control, data)).digest();
}

test('a package is installed if it has the SHA-256 of the index, from a folder and from a mirror', async () => {
  const { place, packed } = await world();
  const stanzas = packed.map(withSha256);
  await writeFile(join(place, 'x86_64/APKINDEX.tar.gz'), packIndex({ stanzas }, key));
  const served = await mirror(place);
  const cache = await folder();
  for (const from of [place, served.url, served.url]) {
    const { tree } = await assembled(from, cache);
    const text = tree.text('lib/apk/db/installed') ?? '';
    expect(text.match(/^C:Q2/gm)).toHaveLength(packed.length);
    expect(parseInstalled(text, 'installed')).toHaveLength(packed.length);
  }
});

test('a package with another SHA-256 than the index lists is refused', async () => {
  const { bytes } = await packPackage({ name: 'a', version: '1', entries: [] }, { key });
  const identity = `Q2${base64(controlDigest(bytes))}`;
  await expect(openBytes(bytes, { identity })).resolves.toBeDefined();
  await expect(openBytes(bytes, { identity: SHA256 })).rejects.toThrow('another package');
  const { place, packed } = await world();
  const stanzas = packed.map(({ stanza }) =>
    stanza.replace(
      /^C:.*$/m,
      (line) => `C:Q2${base64(createHash('sha256').update(line).digest())}`,
    ),
  );
  await writeFile(join(place, 'x86_64/APKINDEX.tar.gz'), packIndex({ stanzas }, key));
  await expect(assembled(place, await folder())).rejects.toThrow(
    'another package than the index says',
  );
});
