import { expect, test } from 'vitest';
import { makePoolRequest } from '../../../../../apps/agent/client/pool.ts';
import { poolRequestSchema } from '../../../../../apps/api/storage.ts';

const TARGET = { iscsi: 'iqn.2026-01.example:disks', portal: ['10.0.0.5', '10.0.1.5'] };

test('options of the command line become the pool of an API request', () => {
  expect(makePoolRequest('create', 'fast', { disk: ['/dev/sdb'], destroy: 'S1' })).toMatchObject({
    pool: { name: 'fast' },
    disks: ['/dev/sdb'],
    destroy: 'S1',
  });
  const iscsi = makePoolRequest('create', 'san', { ...TARGET, lvm: true });
  expect(iscsi.pool.iscsi).toEqual({ target: TARGET.iscsi, portals: TARGET.portal });
  const oneDisk = makePoolRequest('create', 'san', { ...TARGET, disk: ['/dev/dm-0'] });
  expect(oneDisk).toMatchObject({ pool: { iscsi: iscsi.pool.iscsi }, disks: ['/dev/dm-0'] });
  const nfs = makePoolRequest('import', 'nas', { nfs: 'nas:/b', option: ['nfsvers=3'] });
  for (const request of [
    iscsi,
    oneDisk,
    nfs,
    makePoolRequest('create', 'isos', { directory: '/data/isos' }),
  ]) {
    expect(poolRequestSchema.parse(JSON.parse(JSON.stringify(request)))).toMatchObject(
      JSON.parse(JSON.stringify(request)),
    );
  }
});

test.each([
  [{}, 'a pool needs one of'],
  [{ nfs: 'a:/b', directory: '/c' }, 'a pool needs one of'],
  [{ ...TARGET, nfs: 'a:/b' }, 'only --disk and --iscsi can be combined'],
  [{ iscsi: TARGET.iscsi }, 'go together'],
  [{ disk: ['/dev/sdb'], portal: ['a'] }, 'go together'],
  [{ disk: ['/dev/sdb'], destroy: 'S1' }, 'of create only'],
])('%j is refused', (values, words) => {
  expect(() => makePoolRequest('import', 'a', values)).toThrow(words);
});
