import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import {
  keepAssigned,
  readAssigned,
  toDeclarations,
} from '../../../../../apps/agent/pools/assigned-pools.ts';
import { PoolType } from '../../../../../apps/proto/gen/quantix/v1/storage_pb.js';
import { temporaryFolder } from '../../../folder.ts';

const UUID = '11111111-2222-4333-8444-555555555555';
const pool = (name: string, type: PoolType, source: string, mountOptions: string[] = []) => ({
  ...{ name, type, source, mountOptions },
});

test('assigned pools become the same declarations as those of an administrator', () => {
  const assigned = [
    pool('nas', PoolType.NFS, 'nas:/b', ['nfsvers=4.1']),
    pool('ssd', PoolType.FILESYSTEM, `UUID=${UUID}`),
    pool('group', PoolType.LVM, 'vg0'),
    pool('isos', PoolType.DIRECTORY, '/data/isos'),
  ];
  expect(toDeclarations(assigned, [])).toEqual({
    pools: [
      { name: 'nas', nfs: 'nas:/b', options: ['nfsvers=4.1'] },
      { name: 'ssd', disk: UUID },
      { name: 'group', lvm: 'vg0' },
      { name: 'isos', directory: '/data/isos' },
    ],
    problems: [],
    refused: new Map(),
  });
});

test.each([
  [pool('x', PoolType.DIRECTORY, '/etc'), "is one of the system's own folders"],
  [pool('x', PoolType.FILESYSTEM, '/dev/sda'), 'must be the UUID of a file system'],
  [pool('x', PoolType.UNSPECIFIED, 'a'), 'must have one of'],
  [pool('../x', PoolType.NFS, 'a:/b'), 'must be letters'],
  [pool('mine', PoolType.NFS, 'a:/b'), 'mine has the same name or place'],
  [pool('x', PoolType.DIRECTORY, '/data/mine'), 'mine has the same name or place'],
])('%j is left out and reported, and the other pools are used', (odd, words) => {
  const mine = { name: 'mine', directory: '/data/mine' };
  const { pools, problems } = toDeclarations([odd, pool('nas', PoolType.NFS, 'n:/b')], [mine]);
  expect(pools).toEqual([{ name: 'nas', nfs: 'n:/b' }]);
  expect(problems).toEqual([expect.stringContaining(words)]);
});

test('assigned pools are known after a restart; a damaged file is set aside', async () => {
  const folder = await temporaryFolder();
  const file = join(folder, 'assigned-pools.json');
  expect(await readAssigned(file)).toEqual([]);
  await keepAssigned(file, [{ name: 'nas', nfs: 'n:/b' }]);
  expect(await readAssigned(file)).toEqual([{ name: 'nas', nfs: 'n:/b' }]);
  expect(await readdir(folder)).toEqual(['assigned-pools.json']);
  for (const text of ['', '{', '[{"name":"nas"}]', 'null']) {
    await writeFile(file, text);
    expect(await readAssigned(file)).toEqual([]);
    expect(await readdir(folder)).toEqual(['assigned-pools.json.rejected']);
    expect(await readFile(`${file}.rejected`, 'utf8')).toBe(text);
    await rm(`${file}.rejected`);
  }
});
