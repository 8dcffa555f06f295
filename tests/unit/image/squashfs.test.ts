import { chmod, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { execa } from 'execa';
import { expect, test } from 'vitest';
import { ARCHITECTURES } from '../../../build/architecture.ts';
import { listMissing } from '../../../build/host/requirements.ts';
import {
  chooseSmallest,
  makeSquashfsCommand,
  QUICK,
  writeSquashfs,
} from '../../../build/image/squashfs.ts';
import { run } from '../../../build/process/run.ts';
import type { Entry } from '../../../build/tree/entry.ts';
import { tarStream } from '../../../build/tree/tar-stream.ts';
import { temporaryFolder } from '../folder.ts';
import { directory, file, hardlink, program, symlink, treeOf } from '../tree/trees.ts';

const EPOCH = 1_700_000_000;
const options = { compression: QUICK, epoch: EPOCH };
const null_: Entry = {
  type: 'character',
  path: 'dev/null',
  mode: 0o666,
  uid: 0,
  gid: 0,
  major: 1,
  minor: 3,
  origin: 'package test',
};
const tree = () =>
  treeOf(
    directory('root', 0o700),
    file('usr/bin/tool', 'tool '.repeat(100_000), { mode: 0o4755, uid: 9, gid: 77 }),
    program('usr/bin/other', '#!/bin/sh\n'),
    hardlink('usr/bin/alias', 'usr/bin/tool'),
    symlink('bin', 'usr/bin'),
    null_,
  );

test.each([QUICK, ...Object.values(ARCHITECTURES).map(chooseSmallest)])(
  'unsquashfs reads back what was written with $args',
  async (compression) => {
    const image = join(await temporaryFolder(), 'x.squashfs');
    await writeSquashfs(tree(), image, { ...options, compression });
    const listing = await run('unsquashfs', ['-UTC', '-lln', image]);
    const lines = listing.split('\n').map((line) => line.replace(/ +/g, ' '));
    const time = '2023-11-14 22:13';
    expect(lines).toEqual(
      expect.arrayContaining([
        expect.stringMatching(/^drwxr-xr-x 0\/0 .* squashfs-root$/),
        expect.stringMatching(/^drwx------ 0\/0 .* squashfs-root\/root$/),
        `-rwsr-xr-x 9/77 500000 ${time} squashfs-root/usr/bin/tool`,
        `-rwsr-xr-x 9/77 500000 ${time} squashfs-root/usr/bin/alias`,
        expect.stringMatching(/^lrwxrwxrwx 0\/0 .* squashfs-root\/bin -> usr\/bin$/),
        expect.stringMatching(/^crw-rw-rw- 0\/0 1, 3 .* squashfs-root\/dev\/null$/),
      ]),
    );
  },
);

test('two runs give the same bytes, and progress ends at the total', async () => {
  const folder = await temporaryFolder();
  const seen: number[] = [];
  const [one, other] = [join(folder, 'one'), join(folder, 'other')];
  await writeSquashfs(tree(), one, options);
  await writeSquashfs(tree(), other, {
    ...options,
    onProgress: (done, total) => seen.push(done / total),
  });
  expect((await readFile(one)).equals(await readFile(other))).toBe(true);
  expect(seen.at(-1)).toBe(1);
});

const isRoot = process.getuid?.() === 0;
const hasFakeroot = listMissing([{ name: 'fakeroot', package: 'fakeroot' }]).length === 0;

test.skipIf(!hasFakeroot)('the bytes are the same for any user', async () => {
  const folder = await temporaryFolder();
  await chmod(folder, 0o777);
  const [mine, theirs] = [join(folder, 'mine'), join(folder, 'theirs')];
  await writeSquashfs(tree(), mine, options);
  const [command, ...args] = makeSquashfsCommand(theirs, QUICK, { root: false });
  expect(command).toBe('fakeroot');
  await execa(command, args, {
    cwd: folder,
    input: Readable.from(tarStream(tree(), EPOCH)),
    env: { SOURCE_DATE_EPOCH: String(EPOCH) },
    ...(isRoot ? { uid: 65_534, gid: 65_534 } : {}),
  });
  expect((await readFile(theirs)).equals(await readFile(mine))).toBe(true);
});

test('the bytes are the same on one thread and on several', async () => {
  const folder = await temporaryFolder();
  const written = [1, 3, undefined].map(async (threads) => {
    const file = join(folder, `${threads}`);
    await writeSquashfs(tree(), file, { ...options, threads });
    return readFile(file);
  });
  const [one, ...others] = await Promise.all(written);
  for (const other of others) expect(one?.equals(other)).toBe(true);
  expect(makeSquashfsCommand('x', QUICK, { threads: 3 }).join(' ')).toContain(' -processors 3 ');
});

test('root runs mksquashfs without fakeroot', () => {
  expect(makeSquashfsCommand('x', QUICK, { root: true })[0]).toBe('mksquashfs');
});

test.each<[Entry, string]>([
  [
    { ...file('bin/x'), attributes: { 'system.posix_acl_access': '02' } },
    '/bin/x has the attribute system.posix_acl_access',
  ],
  [
    { ...file('bin/x'), attributes: { 'user.large': '00'.repeat(65_536) } },
    '/bin/x has an attribute user.large of 65536 bytes',
  ],
  [{ ...null_, major: 4096 }, '/dev/null has the device number 4096:3'],
])(
  'an entry that a squashfs cannot hold is refused before anything is written',
  async (entry, what) => {
    const folder = await temporaryFolder();
    await expect(writeSquashfs(treeOf(entry), join(folder, 'x'), options)).rejects.toThrow(
      `${what}, which a squashfs cannot hold (package test).`,
    );
    expect(await readdir(folder)).toEqual([]);
  },
);

test('a file that disappears while it is read leaves no image', async () => {
  const folder = await temporaryFolder();
  const gone = { in: 'file', file: join(folder, 'gone'), offset: 0 } as const;
  const broken = treeOf({ ...file('etc/x', 'abc'), content: gone });
  await expect(writeSquashfs(broken, join(folder, 'x'), options)).rejects.toThrow(
    'a file that the build reads from cannot be opened',
  );
  expect(await readdir(folder)).toEqual([]);
});

test('a cancelled run leaves no image', async () => {
  const folder = await temporaryFolder();
  const signal = AbortSignal.abort();
  const writing = writeSquashfs(tree(), join(folder, 'x'), { ...options, signal });
  await expect(writing).rejects.toThrow('cancelled');
  expect(await readdir(folder)).toEqual([]);
});
