import { appendFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ARCHITECTURES } from '../../../build/architecture.ts';
import { chooseSmallest, QUICK, writeSquashfs } from '../../../build/image/squashfs.ts';
import { readHashedFile } from '../../../build/process/hashed-file.ts';
import { FileRange } from '../../../build/readback/file-range.ts';
import { compareSquashfs } from '../../../build/readback/squashfs/compare-squashfs.ts';
import { hashContents } from '../../../build/readback/squashfs/hash-contents.ts';
import { readSquashfs } from '../../../build/readback/squashfs/image.ts';
import { verifySquashfs } from '../../../build/readback/squashfs/verify.ts';
import { sha256 } from '../../../build/step/digest.ts';
import type { Entry, FileEntry } from '../../../build/tree/entry.ts';
import type { Tree } from '../../../build/tree/tree.ts';
import { temporaryFolder } from '../folder.ts';
import { directory, file, hardlink, program, symlink, treeOf } from '../tree/trees.ts';

const EPOCH = 1_700_000_000;
const BLOCK = 128 * 1024;

/** Bytes that do not compress, the same each time. */
function noise(size: number): Buffer {
  const bytes = Buffer.alloc(size);
  for (let at = 0, state = 1; at < size; at += 1) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    bytes[at] = state >>> 16;
  }
  return bytes;
}

const device: Entry = {
  ...{ type: 'character', path: 'dev/odd', mode: 0o620, uid: 3, gid: 5, origin: 'test' },
  ...{ major: 259, minor: 70_000 },
};
const pipe: Entry = { type: 'fifo', path: 'run/pipe', mode: 0o600, uid: 0, gid: 0, origin: 'test' };
const capable: FileEntry = {
  ...program('usr/bin/ping', 'capable'),
  attributes: { 'security.capability': '0100000200200000000000000000000000000000' },
};

/** Returns entries of all types that a tree may have, with files of various sizes. */
const entries = (): Entry[] => [
  directory('root', 0o700),
  directory('tmp', 0o1777),
  file('usr/bin/tool', 'tool '.repeat(100_000), { mode: 0o4755, uid: 9, gid: 70_000 }),
  hardlink('usr/bin/alias', 'usr/bin/tool'),
  file('usr/bin/odd', 'odd', { uid: 8, gid: 70_000 }),
  file('usr/share/noise', noise(2 * BLOCK + 77)),
  file('usr/share/whole', noise(2 * BLOCK)),
  file('usr/share/twin', noise(2 * BLOCK)),
  file('usr/share/hole', Buffer.alloc(3 * BLOCK + 5)),
  file('usr/share/empty'),
  file('usr/share/grüße', 'hello'),
  symlink('bin', 'usr/bin'),
  symlink('usr/share/far', `../${'x/'.repeat(1000)}end`),
  symlink('usr/share/umlaut', '../ä'),
  symlink(`usr/share/${'long/'.repeat(30)}link`, `/${'x/'.repeat(50)}end`),
  ...Array.from({ length: 700 }, (_, number) => file(`etc/many/${number}`, `small ${number}`)),
  ...[device, pipe, capable],
];

function expected(tree: Tree) {
  return { entries: tree.entries(), epoch: EPOCH };
}

/** An image of `entries`, made once. */
let quick: string;
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'quantix-test-'));
  quick = join(folder, 'x.squashfs');
  await writeSquashfs(treeOf(...entries()), quick, { compression: QUICK, epoch: EPOCH });
});
afterAll(() => rm(folder, { recursive: true }));

test.each([QUICK, chooseSmallest(ARCHITECTURES.x86_64)])(
  'an image written with $algorithm reads back as the tree',
  async (compression) => {
    const image = join(folder, `${compression.algorithm}.squashfs`);
    await writeSquashfs(treeOf(...entries()), image, { compression, epoch: EPOCH });
    await verifySquashfs(image, expected(treeOf(...entries())));
  },
);

test('the hash of every file matches its content, in blocks and fragments', async () => {
  using image = FileRange.open(quick);
  const squashfs = await readSquashfs((offset, length) => image.read(offset, length), quick);
  const hashes = await hashContents(squashfs);
  const found = squashfs.nodes
    .filter(({ type }) => type === 'file')
    .map(({ path, inode }) => [path, hashes.get(inode)]);
  const tree = treeOf(...entries());
  const meantHashes = tree.entries().flatMap((entry) => {
    const content = entry.type === 'hardlink' ? tree.at(entry.target) : entry;
    return content?.type === 'file' ? [[entry.path, sha256(tree.bytes(content))]] : [];
  });
  expect(Object.fromEntries(found)).toEqual(Object.fromEntries(meantHashes));
});

test('an image without files reads back', async () => {
  const image = join(await temporaryFolder(), 'x.squashfs');
  const tree = treeOf(directory('a/b/c'));
  await writeSquashfs(tree, image, { compression: QUICK, epoch: EPOCH });
  await verifySquashfs(image, expected(tree));
});

test('a large file that was written to after it was hashed is reported', async () => {
  const large = join(await temporaryFolder(), 'large');
  await writeFile(large, noise(2 * BLOCK));
  const hashed = readHashedFile(large);
  const content = { in: 'hashed', file: hashed } as const;
  const tree = treeOf({ ...file('large'), size: hashed.size, content });
  const image = join(folder, 'large.squashfs');
  await writeSquashfs(tree, image, { compression: QUICK, epoch: EPOCH });
  await verifySquashfs(image, expected(tree));
  await appendFile(large, 'x');
  await expect(verifySquashfs(image, expected(tree))).rejects.toThrow(`has changed (${large})`);
});

type Change = Partial<FileEntry> | { target: string } | { minor: number };

/** The tree with one entry changed. */
function changed(path: string, change: Change): Tree {
  const tree = treeOf(...entries());
  const entry = tree.at(path);
  if (entry === undefined) throw new Error(`no ${path}`);
  tree.replace(Object.assign({ ...entry }, change));
  return tree;
}

test.each<[string, Change, string]>([
  ['usr/bin/ping', { mode: 0o4755 }, '/usr/bin/ping has mode 755, not 4755'],
  ['usr/bin/odd', { gid: 7 }, '/usr/bin/odd has owner 8:70000, not 8:7'],
  ['tmp', { mode: 0o777 }, '/tmp has mode 1777, not 777'],
  ['bin', { target: 'usr/sbin' }, '/bin has target "usr/bin", not "usr/sbin"'],
  ['dev/odd', { minor: 3 }, '/dev/odd has device number 259:70000, not 259:3'],
  ['run/pipe', { uid: 1 }, '/run/pipe has owner 0:0, not 1:0'],
  [
    'usr/bin/ping',
    { attributes: {} },
    '/usr/bin/ping has attributes security.capability=0x0100000200200000000000000000000000000000, not none',
  ],
])('a difference in %s is reported: %j', async (path, change, message) => {
  const tree = changed(path, change);
  expect(await compareSquashfs(quick, expected(tree))).toEqual([message]);
});

test('one changed byte of a file is reported: in a whole block, in a tail, in a hole', async () => {
  const [whole, tail] = [noise(2 * BLOCK), noise(2 * BLOCK + 77)];
  whole[BLOCK] = ~(whole[BLOCK] ?? 0);
  tail[2 * BLOCK + 76] = ~(tail[2 * BLOCK + 76] ?? 0);
  const hole = Buffer.alloc(3 * BLOCK + 5);
  hole[BLOCK + 1] = 1;
  const tree = treeOf(...entries());
  tree.replace(file('usr/share/whole', whole));
  tree.replace(file('usr/share/noise', tail));
  tree.replace(file('usr/share/hole', hole));
  tree.replace(file('etc/many/7', 'small 8'));
  expect((await compareSquashfs(quick, expected(tree))).sort()).toEqual([
    '/etc/many/7 has other content',
    '/usr/share/hole has other content',
    '/usr/share/noise has other content',
    '/usr/share/whole has other content',
  ]);
});

test('a missing path, an extra path and a swapped name are reported', async () => {
  const tree = treeOf(...entries());
  tree.remove('etc/many/1');
  tree.add(file('etc/more'));
  tree.replace(
    file('usr/bin/alias', 'tool '.repeat(100_000), { mode: 0o4755, uid: 9, gid: 70_000 }),
  );
  expect(await compareSquashfs(quick, expected(tree))).toEqual([
    '/etc/more is missing',
    '/usr/bin/tool and /usr/bin/alias are one file',
    '/etc/many/1 is unexpected',
  ]);
});

test('another time stamp is reported', async () => {
  const tree = treeOf(...entries());
  const later = { entries: tree.entries(), epoch: EPOCH + 1 };
  await expect(verifySquashfs(quick, later)).rejects.toThrow(
    /^the root filesystem does not read back as it was written: .* has time 1700000000, not 1700000001; .* and \d+ more \(/,
  );
});

test('an image that was damaged on the disk is refused', async () => {
  const bytes = await readFile(quick);
  const image = join(await temporaryFolder(), 'damaged.squashfs');
  const tree = treeOf(...entries());
  // The superblock, data, and tables near the end.
  for (const at of [4, 41, 120, 5000, bytes.readUInt32LE(64) + 9, bytes.readUInt32LE(72) + 9]) {
    const damaged = Buffer.from(bytes);
    damaged[at] = ~(damaged[at] ?? 0);
    await writeFile(image, damaged);
    const told = compareSquashfs(image, expected(tree)).catch(({ message }: Error) => [message]);
    expect(await told, `byte ${at}`).not.toEqual([]);
  }
  await writeFile(image, bytes.subarray(0, bytes.length - 8192));
  await expect(verifySquashfs(image, expected(tree))).rejects.toThrow(
    'the image cannot be read back: it ends too early',
  );
});

test('a change made by the tool itself is detected', async () => {
  const image = join(await temporaryFolder(), 'x.squashfs');
  const unpacked = join(await temporaryFolder(), 'root');
  await execa('unsquashfs', ['-d', unpacked, quick]);
  await execa('mksquashfs', [unpacked, image, '-all-root', '-quiet', '-no-progress']);
  await expect(verifySquashfs(image, expected(treeOf(...entries())))).rejects.toThrow(/read back/);
});

test('reading back ends when the build is cancelled', async () => {
  const tree = treeOf(...entries());
  const stop = new AbortController();
  const verifying = verifySquashfs(quick, expected(tree), stop.signal);
  stop.abort();
  await expect(verifying).rejects.toThrow(/abort/i);
});
