import { createHash, randomBytes } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { computeIdentity } from '../../../../build/base/alpine/checksum.ts';
import { BuildError } from '../../../../build/error.ts';
import type { Entry } from '../../../../build/tree/entry.ts';
import { gzipMember } from '../../../alpine-mirror/gzip.ts';
import { makeKey } from '../../../alpine-mirror/key.ts';
import { dataTar } from '../../../alpine-mirror/package.ts';
import { controlPart, entryHeaders, signaturePart } from '../../../alpine-mirror/parts.ts';
import { pkginfo } from '../../../alpine-mirror/recipe.ts';
import { END_MARK, paxEntry, tarEntry } from '../../../alpine-mirror/tar.ts';
import { directory, file, hardlink, symlink } from '../../tree/trees.ts';
import { key, openBytes } from '../opened.ts';

const recipe = { name: 'a', version: '1-r0' };
const plain: Entry[] = [directory('usr'), file('usr/a', 'content of a')];
const sha1 = (text: string) => createHash('sha1').update(text).digest('hex');
const sha256 = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');
const tarOf = (entries: readonly Entry[]) => Buffer.concat([...dataTar(entries)]);
const checksum = (hex: string) => paxEntry({ 'APK-TOOLS.checksum.SHA1': hex });

const data = gzipMember(tarOf(plain));
const control = controlPart(pkginfo(recipe, sha256(data)));
const signed = signaturePart(control, key);

/** A package with correct hashes and signatures, and this tar as its data. */
function around(tar: Buffer, more: { pkginfo?: string } = {}): Buffer {
  const part = gzipMember(tar);
  const itsControl = controlPart(more.pkginfo ?? pkginfo(recipe, sha256(part)));
  return Buffer.concat([signaturePart(itsControl, key), itsControl, part]);
}

/** A package with this control part and the usual data. */
function withControl(part: Buffer): Buffer {
  return Buffer.concat([signaturePart(part, key), part, data]);
}

const first = tarEntry({ name: 'usr/', type: '5', mode: 0o755 });
const named = (name: string) =>
  Buffer.concat([first, checksum(sha1('x')), tarEntry({ name }, 'x'), END_MARK]);

test('a package without defects is read', async () => {
  const { entries } = await openBytes(Buffer.concat([signed, control, data]));
  expect(entries.map(({ path }) => path)).toEqual(['usr', 'usr/a']);
});

describe('signatures', () => {
  const byOther = signaturePart(control, makeKey(key.name));
  const overTar = signaturePart(Buffer.from('the tar'), key);
  const identity = computeIdentity(control);

  test('none, or one by an unknown key: refused, unless a signed index lists the package', async () => {
    const bytes = Buffer.concat([control, data]);
    await expect(openBytes(bytes)).rejects.toThrow('it is not signed');
    await expect(openBytes(bytes, { identity })).resolves.toBeDefined();
  });

  test.each([
    ['by another key of that name', byOther],
    ['over something else', overTar],
  ])('%s: refused, even if a signed index lists the package', async (_, part) => {
    const bytes = Buffer.concat([part, control, data]);
    await expect(openBytes(bytes)).rejects.toThrow('signature is wrong');
    await expect(openBytes(bytes, { identity })).rejects.toThrow('signature is wrong');
  });

  test('of kind RSA256 or RSA512: accepted', async () => {
    for (const kind of ['RSA256', 'RSA512'] as const) {
      await openBytes(Buffer.concat([signaturePart(control, key, kind), control, data]));
    }
  });
});

const withMark = (entry: Buffer) => gzipMember(Buffer.concat([entry, END_MARK]));
const changedControl = controlPart(pkginfo({ ...recipe, version: '2-r0' }, sha256(data)));
const endless = Buffer.concat([...dataTar(plain)]).subarray(0, 3 * 512);

test.each<[string, Buffer, string]>([
  [
    'with an end mark in its signature part',
    Buffer.concat([withMark(tarEntry({ name: '.SIGN.RSA.k' }, 'x')), control, data]),
    'an end mark stands before',
  ],
  [
    'with an end mark in its control part',
    withControl(withMark(tarEntry({ name: '.PKGINFO' }, pkginfo(recipe, sha256(data))))),
    'an end mark stands before',
  ],
  [
    'with other data',
    Buffer.concat([signed, control, gzipMember(tarOf([directory('etc')]))]),
    'datahash',
  ],
  [
    'with the hash of the tar as datahash',
    around(tarOf(plain), { pkginfo: pkginfo(recipe, sha256(tarOf(plain))) }),
    'datahash',
  ],
  [
    'with another control part',
    Buffer.concat([signed, changedControl, data]),
    'signature is wrong',
  ],
  ['with truncated data', Buffer.concat([signed, control, data]).subarray(0, -20), 'package a'],
  ['with no data', Buffer.concat([signed, control]), 'ends before its data'],
  [
    'with one byte after its data',
    Buffer.concat([signed, control, data, Buffer.from('x')]),
    'package a',
  ],
  [
    'with another gzip member after its data',
    Buffer.concat([signed, control, data, gzipMember(Buffer.alloc(0))]),
    'follows its data',
  ],
  ['without datahash', around(tarOf(plain), { pkginfo: pkginfo(recipe, undefined) }), 'datahash'],
  [
    'without checksums',
    around(Buffer.concat([first, tarEntry({ name: 'usr/a' }, 'x'), END_MARK])),
    'usr/a has no checksum',
  ],
  [
    'with the checksum of other content',
    around(Buffer.concat([first, checksum(sha1('y')), tarEntry({ name: 'usr/a' }, 'x'), END_MARK])),
    'does not match its checksum',
  ],
  [
    'with the checksum of another link',
    around(
      Buffer.concat([
        first,
        checksum(sha1('y')),
        tarEntry({ name: 'usr/a', type: '2', target: 'x' }),
        END_MARK,
      ]),
    ),
    'does not match its checksum',
  ],
  [
    'without its directories',
    around(tarOf(plain.slice(1))),
    'the directory of usr/a does not come before it',
  ],
  ['with an absolute name', around(named('/usr/a')), 'is absolute'],
  ['with a name that leaves the tree', around(named('usr/../../a')), 'leaves the tree'],
  ['with a name that takes a detour', around(named('usr/./a')), 'not allowed'],
  ['packed as ./…', around(named('./usr/a')), 'names like "./usr/a", which apk skips'],
  ['with a name above the tree', around(named('../../x')), 'names like "../../x"'],
  ['with the folder that it was packed in', around(tarEntry({ name: './', type: '5' })), '"./"'],
  ['with a name with two slashes', around(named('usr//a')), 'not allowed'],
  ['with a control character in a name', around(named('usr/a\nR:b')), 'not allowed'],
  [
    'with one file twice',
    around(tarOf([...plain, file('usr/a', 'again')])),
    'usr/a is in it twice',
  ],
  [
    'with a file in place of a directory',
    around(tarOf([...plain, file('usr')])),
    'usr is in it twice',
  ],
  [
    'with a hard link to nothing',
    around(tarOf([directory('usr'), hardlink('usr/b', 'usr/a')])),
    'not a file before it',
  ],
  [
    'with a hard link to a link',
    around(tarOf([directory('usr'), symlink('usr/a', '/etc/shadow'), hardlink('usr/b', 'usr/a')])),
    'not a file before it',
  ],
  [
    'with a hard link out of the tree',
    around(tarOf([directory('usr'), hardlink('usr/b', '../etc/passwd')])),
    'leaves the tree',
  ],
  ['whose data ends within a file', around(endless), 'ends within'],
  [
    'with something after the end mark of its data',
    around(Buffer.concat([END_MARK, tarEntry({ name: 'a' })])),
    'follows the end mark',
  ],
  [
    'without .PKGINFO',
    withControl(gzipMember(tarEntry({ name: '.post-install' }, 'x'))),
    'no .PKGINFO',
  ],
  [
    'with a file in its control part',
    withControl(gzipMember(tarEntry({ name: 'etc/passwd' }, 'x'))),
    'in its control part',
  ],
  ['without a name', around(tarOf(plain), { pkginfo: 'pkgver = 1\n' }), 'no usable pkgname'],
  ['in apk’s format v3', Buffer.from('ADBd and so on'), 'format v3 (ADB)'],
  ['that is a web page', Buffer.from('<html>not found</html>'), 'no gzip member starts'],
  ['that is empty', Buffer.alloc(0), 'truncated'],
  [
    'that is cut within its control part',
    Buffer.concat([signed, control]).subarray(0, signed.length + 40),
    'truncated',
  ],
])('a package %s is refused', async (_, bytes, why) => {
  await expect(openBytes(bytes)).rejects.toThrow(BuildError);
  await expect(openBytes(bytes)).rejects.toThrow(why);
});

test('top-level names that start with a dot, and .keep_ files, are skipped', async () => {
  const dotted = [file('.hid', 'x'), file('.apk-record/fake', 'x')].map((entry) =>
    Buffer.concat([entryHeaders(entry, sha1('x')), Buffer.from('x'), Buffer.alloc(511)]),
  );
  const keep = Buffer.concat([first, tarEntry({ name: 'usr/.keep_usr' })]);
  const { entries } = await openBytes(around(Buffer.concat([...dotted, keep, END_MARK])));
  expect(entries.map(({ path }) => path)).toEqual(['usr']);
});

test('an endless control part is refused before it fills the memory', async () => {
  const stored = Buffer.alloc(5 + 65_535);
  stored.writeUInt16LE(0xffff, 1);
  const endless = Buffer.concat([signed, Buffer.from('1f8b0800000000000203', 'hex')]);
  const blocks = Array.from({ length: 1100 }, () => stored);
  await expect(openBytes(Buffer.concat([endless, ...blocks]))).rejects.toThrow(BuildError);
});

test('data that decompresses to far more than its size is refused before it is read completely', async () => {
  const most = 64 * 1024 * 1024;
  const header = tarEntry({ name: 'usr/a', size: 900_000_000 });
  const zeros = Buffer.alloc(most + 100 * 100_000);
  const bomb = gzipMember(Buffer.concat([first, checksum(sha1('')), header, zeros]));
  const control = controlPart(pkginfo(recipe, sha256(bomb)), {});
  const bytes = Buffer.concat([signaturePart(control, key), control, bomb]);
  await expect(openBytes(bytes)).rejects.toThrow('unlike that of any package');
});

test('a control part larger than 64 KiB is read', async () => {
  const scripts = { 'post-install': randomBytes(300_000).toString('base64') };
  const large = controlPart(pkginfo(recipe, sha256(data)), scripts);
  const { record } = await openBytes(withControl(large));
  expect(record.scripts.get('post-install')?.length).toBe(400_000);
});

test('names of owners other than root are kept with their numbers', async () => {
  const owner = { user: 'app', group: 'root', uid: 901, gid: 0 };
  const tar = Buffer.concat([
    first,
    tarEntry({ name: 'srv/', type: '5', mode: 0o700, ...owner }),
    END_MARK,
  ]);
  const { record } = await openBytes(around(tar));
  expect([...record.owners]).toEqual([['srv', { user: 'app', group: 'root' }]]);
  expect(record.directories[1]?.ownership).toEqual({ uid: 901, gid: 0, mode: 0o700 });
});

test('data without an end mark is accepted', async () => {
  const tar = Buffer.concat([first, checksum(sha1('x')), tarEntry({ name: 'usr/a' }, 'x')]);
  const { entries } = await openBytes(around(tar));
  expect(entries.map(({ path }) => path)).toEqual(['usr', 'usr/a']);
});

test('a package with any single bit changed is refused, or reads the same', async () => {
  const bytes = Buffer.concat([signed, control, data]);
  const whole = await openBytes(bytes);
  for (let at = 0; at < bytes.length; at += 1) {
    const changed = Buffer.from(bytes);
    changed[at] = (changed[at] ?? 0) ^ (1 << (at & 7));
    const result = await openBytes(changed).catch((error: unknown) => error);
    if (result instanceof BuildError) continue;
    expect(at, 'a byte behind the signature was changed').toBeLessThan(signed.length);
    expect(result).toEqual(whole);
  }
}, 300_000);
