import { createHash } from 'node:crypto';
import { open, readFile, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { zstdCompressSync } from 'node:zlib';
import { beforeEach, expect, test } from 'vitest';
import {
  describeDiskDifference,
  describePlace,
  findFirstDifference,
} from '../../../build/comparison/first-difference.ts';
import { compareReleases } from '../../../build/comparison/releases.ts';
import { tarMember } from '../../../build/image/tar-member.ts';
import type { ReleaseFile } from '../../../build/release/release-files.ts';
import { temporaryFolder } from '../folder.ts';
import { rootfs, writeSmallDisk, writeSmallIso } from './images.ts';

const MIB = 1024 * 1024;
let [published, remade] = ['', ''];

beforeEach(async () => {
  [published, remade] = [await temporaryFolder(), await temporaryFolder()];
});

/** Writes a file of a release. @returns its entry in the list of the release */
async function put(
  folder: string,
  path: string,
  bytes: string | Buffer,
  kind: ReleaseFile['kind'] = 'iso',
): Promise<ReleaseFile> {
  await writeFile(join(folder, path), bytes);
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  return { path, size: Buffer.byteLength(bytes), sha256, kind };
}

/** Compares one published file with one rebuilt file. */
async function compared(before: ReleaseFile, after: ReleaseFile) {
  const [result, ...more] = await compareReleases(
    { folder: published, files: [before] },
    { folder: remade, files: [after] },
  );
  expect(more).toEqual([]);
  return result;
}

test.each([
  ['the first byte', 0],
  ['a byte in the middle of a piece', MIB + 17],
  ['the last byte of a piece', MIB - 1],
  ['the last byte', 3 * MIB + 4],
])('of files that differ in %s this position is reported', async (_, offset) => {
  const bytes = Buffer.alloc(3 * MIB + 5, 7);
  const [a, b] = [join(published, 'a'), join(remade, 'a')];
  await writeFile(a, bytes);
  bytes[offset] = 8;
  await writeFile(b, bytes);
  expect(await findFirstDifference(a, b)).toBe(offset);
});

test('a truncated file differs at its end, and equal files do not differ', async () => {
  const [a, b] = [join(published, 'a'), join(remade, 'a')];
  await writeFile(a, Buffer.alloc(2 * MIB, 7));
  await writeFile(b, Buffer.alloc(2 * MIB, 7));
  expect(await findFirstDifference(a, b)).toBeUndefined();
  for (const length of [MIB + 1, MIB, 0]) {
    await truncate(b, length);
    expect(await findFirstDifference(a, b)).toBe(length);
    expect(await findFirstDifference(b, a)).toBe(length);
  }
});

test('for an ISO the file at the position is named, and for a tar the member', async () => {
  const iso = await writeSmallIso(remade, { system: rootfs('1'), build: 'aaaa', module: 'loop' });
  const bytes = await readFile(iso);
  const kernel = bytes.indexOf('kernel');
  expect(describePlace(iso, kernel + 3)).toBe('in /boot/vmlinuz, at byte 3 of it');
  expect(describePlace(iso, 440)).toBe('in boot code and partition tables');
  expect(describePlace(iso, 32 * 1024 + 40)).toBeUndefined();
  const tar = join(remade, 'a.ova');
  const members = ['a.ovf', 'a.mf', 'a.vmdk'].map((name) => tarMember(name, Buffer.alloc(700), 0));
  await writeFile(tar, Buffer.concat([...members, Buffer.alloc(1024)]));
  const member = 512 + 1024;
  expect(describePlace(tar, member + 100)).toBe('in the header of a.mf');
  expect(describePlace(tar, 2 * member + 512 + 699)).toBe('in a.vmdk, at byte 699 of it');
  expect(describePlace(tar, 2 * member + 512 + 700)).toBeUndefined();
  expect(describePlace(tar, 3 * member)).toBeUndefined();
});

test('for a compressed disk, the position in the disk and the partition are named', async () => {
  const iso = await writeSmallIso(remade, { system: rootfs('1'), build: 'aaaa', module: 'loop' });
  // The beginning of the disk has the partition table and the beginning of the first partitions.
  const disk = Buffer.alloc(8 * MIB);
  {
    await using file = await open(await writeSmallDisk(remade, iso));
    await file.read(disk, 0, disk.length, 0);
  }
  const half = disk.length >> 1;
  const frames = (bytes: Buffer) =>
    Buffer.concat(
      [bytes.subarray(0, half), bytes.subarray(half)].map((one) => zstdCompressSync(one)),
    );
  const [a, b] = [join(published, 'a'), join(remade, 'a')];
  await writeFile(a, frames(disk));
  const at = 5 * MIB + 3;
  const changed = Buffer.from(disk);
  changed[at] = (changed[at] ?? 0) ^ 1;
  await writeFile(b, frames(changed));
  expect(await describeDiskDifference(a, b)).toBe(`byte ${at} of the disk, in partition QVDC-EFI`);
  const table = Buffer.from(disk);
  table[440] = (table[440] ?? 0) ^ 1;
  await writeFile(b, frames(table));
  expect(await describeDiskDifference(a, b)).toBe('byte 440 of the disk');
  await writeFile(b, zstdCompressSync(disk));
  expect(await describeDiskDifference(a, b)).toBe('and the disks in them are the same');
  for (const bytes of ['no zstd', frames(disk).subarray(0, -10)]) {
    await writeFile(b, bytes);
    expect(await describeDiskDifference(a, b)).toBeUndefined();
  }
  const before = await put(published, 'a', frames(disk), 'raw');
  const after = await put(remade, 'a', frames(changed), 'raw');
  expect(await compared(before, after)).toMatchObject({
    result: 'differs',
    offset: expect.any(Number),
    place: `byte ${at} of the disk, in partition QVDC-EFI`,
  });
});

test('no position is named in a damaged file, or one of another format', async () => {
  const iso = await writeSmallIso(remade, { system: rootfs('1'), build: 'aaaa', module: 'loop' });
  await truncate(iso, 34 * 1024);
  expect(describePlace(iso, 33 * 1024)).toBeUndefined();
  const file = join(remade, 'a');
  for (const bytes of ['', 'QFI\xfb', Buffer.alloc(5000, 0xff), Buffer.alloc(100_000, 'x')]) {
    await writeFile(file, bytes);
    expect(describePlace(file, 0)).toBeUndefined();
    expect(describePlace(file, 90_000)).toBeUndefined();
  }
});

test('every file of both releases is reported, by name', async () => {
  const before = [
    await put(published, 'b.iso', 'same'),
    await put(published, 'c.iso', 'gone'),
    await put(published, 'a.iso', 'one'),
  ];
  const after = [
    await put(remade, 'd.iso', 'new'),
    await put(remade, 'a.iso', 'onetwo'),
    await put(remade, 'b.iso', 'same'),
  ];
  const [same, gone, old] = before.map(({ sha256 }) => sha256);
  const [extra, now] = after.map(({ sha256 }) => sha256);
  const releases = [
    { folder: published, files: before },
    { folder: remade, files: after },
  ] as const;
  expect(await compareReleases(...releases)).toEqual([
    { path: 'a.iso', result: 'differs', sha256: old, remade: now, offset: 3 },
    { path: 'b.iso', result: 'same', sha256: same, remade: same },
    { path: 'c.iso', result: 'missing', sha256: gone },
    { path: 'd.iso', result: 'extra', remade: extra },
  ]);
});

test('a file that is missing locally is compared by its hash, and a difference says why it has no position', async () => {
  const files = [await put(remade, 'a.iso', 'made')];
  const [file] = files;
  if (file === undefined) throw new Error('no file');
  expect(await compared(file, file)).toMatchObject({ result: 'same' });
  const other = { ...file, sha256: '0'.repeat(64) };
  expect(await compared(other, file)).toMatchObject({
    result: 'differs',
    place: 'the published file is not here, so it cannot be compared',
  });
  await writeFile(join(published, 'a.iso'), 'made');
  expect(await compared(other, file)).toMatchObject({
    result: 'differs',
    place: 'the file that is here differs from the published one',
  });
});

test('a manifest is the same if only the times of its run differ', async () => {
  const manifest = (seconds: number, buildId: string) =>
    JSON.stringify({ buildId, steps: [{ step: 'iso', seconds }] });
  const before = await put(published, 'm', manifest(1, 'a'), 'manifest');
  const again = await put(remade, 'm', manifest(2, 'a'), 'manifest');
  expect(await compared(before, again)).toMatchObject({ result: 'same', remade: again.sha256 });
  const other = await put(remade, 'm', manifest(1, 'b'), 'manifest');
  expect(await compared(before, other)).toMatchObject({ result: 'differs', offset: 12 });
  await put(published, 'm', manifest(3, 'b'));
  expect(await compared(before, other)).toMatchObject({ result: 'differs' });
  await put(published, 'm', manifest(3, 'a'));
  const forged = { ...before, sha256: '0'.repeat(64) };
  expect(await compared(forged, again)).toMatchObject({ result: 'differs' });
});

test('a provenance is the same for any builder and time', async () => {
  const provenance = ({ id = 'ci', times = 'a', bill = 'b' }) =>
    JSON.stringify({
      subject: [],
      predicate: {
        buildDefinition: {},
        runDetails: {
          builder: { id },
          byproducts: [
            { name: 'x.iso.cdx.json', digest: { sha256: bill } },
            { name: 'x.iso.manifest.json', digest: { sha256: times } },
          ],
        },
      },
    });
  const before = await put(published, 'p', provenance({}), 'provenance');
  const again = await put(remade, 'p', provenance({ id: 'me', times: 'c' }), 'provenance');
  expect(await compared(before, again)).toMatchObject({ result: 'same' });
  const other = await put(remade, 'p', provenance({ bill: 'd' }), 'provenance');
  expect(await compared(before, other)).toMatchObject({ result: 'differs' });
  const broken = await put(remade, 'p', '{', 'provenance');
  expect(await compared(before, broken)).toMatchObject({ result: 'differs' });
});
