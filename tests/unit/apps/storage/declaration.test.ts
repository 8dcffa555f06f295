import { expect, test } from 'vitest';
import { poolDeclarationsSchema } from '../../../../apps/storage/declaration.ts';

function refusal(...pools: unknown[]): string {
  const { error } = poolDeclarationsSchema.safeParse(pools);
  return error?.issues.map(({ path, message }) => `${path.join('.')}: ${message}`).join('; ') ?? '';
}

const ISCSI = { target: 'iqn.2026-01.example:disks', portals: ['10.0.0.5', '[fd00::1]:3260'] };
const UUID = '11111111-2222-4333-8444-555555555555';

test('a pool is declared with its name and one of path, NFS export, directory, disk and volume group', () => {
  const pools = [
    { name: 'fast', path: '/data/pools/fast' },
    { name: 'nas', nfs: '[fd00::1]:/' },
    { name: 'isos', directory: '/data/isos' },
    { name: 'old', nfs: 'nas:/b', path: '/mnt/nas', options: ['nfsvers=3', 'ro'] },
    { name: 'ssd', disk: UUID, serial: 'S 1' },
    { name: 'san', lvm: 'vg0', iscsi: ISCSI },
  ];
  expect(poolDeclarationsSchema.parse(pools)).toEqual(pools);
});

test.each([
  [{ name: 'x', directory: '/a', nfs: 'a:/b' }, 'only one of nfs, disk, lvm and directory'],
  [{ name: 'x' }, 'must have one of path, nfs, disk, lvm and directory'],
  [{ name: 'x', directory: '/a', path: '/b' }, 'a path is for pools that are mounted'],
  [{ name: 'x', directory: '/a', options: ['ro'] }, 'options are for pools that are mounted'],
  [{ name: 'x', nfs: 'a:/b', options: ['a,b'] }, '0.options.0: must be one option'],
  [{ name: 'x', nfs: 'a:/b', options: ['-o'] }, '0.options.0: must be one option'],
  [{ name: 'x', nfs: 'a:/b', iscsi: ISCSI }, 'iscsi and multipath are for disk and lvm'],
  [{ name: 'x', nfs: 'a:/b', serial: 'S1' }, 'a serial is for disk only'],
  [{ name: 'x', disk: 'sda1' }, '0.disk: must be the UUID of a file system'],
  [{ name: 'x', lvm: '-rf' }, '0.lvm: must be the name of a volume group'],
  [{ name: 'x', lvm: '..' }, '0.lvm: must be the name of a volume group'],
  [{ name: 'x', lvm: 'v', iscsi: { ...ISCSI, target: 'iqn.x' } }, 'must be a name of iSCSI'],
  [{ name: 'x', lvm: 'v', iscsi: { ...ISCSI, portals: [] } }, '0.iscsi.portals'],
  [{ name: 'x', lvm: 'v', iscsi: { ...ISCSI, portals: ['-p'] } }, 'must be an address'],
  [{ name: 'x', path: '/a', size: 7 }, 'size'],
  [{ name: '../x', path: '/a' }, '0.name: must be letters'],
  [{ name: '', path: '/a' }, '0.name: must be letters'],
  [{ name: 'x', path: 'a' }, '0.path: must be an absolute path'],
  [{ name: 'x', path: '/a/../etc' }, '0.path: must be an absolute path'],
  [{ name: 'x', path: '/a/' }, '0.path: must be an absolute path'],
  [{ name: 'x', path: '/a\0' }, '0.path: must be an absolute path'],
  [{ name: 'x', path: '/' }, '0.path: '],
  [{ name: 'x', path: '/quantix/node' }, "0.path: is one of the system's own folders"],
  [{ name: 'x', nfs: 'server' }, '0.nfs: must be server:/export'],
  [{ name: 'x', nfs: '-o evil:/a b' }, '0.nfs: must be server:/export'],
  ['/data', '0: '],
  [null, '0: '],
])('%j is refused', (pool, words) => {
  expect(refusal(pool)).toContain(words);
});

test('two pools with the same name are refused', () => {
  expect(refusal({ name: 'x', path: '/a' }, { name: 'x', path: '/b' })).toContain('the same name');
});

test('two pools in one place are refused', () => {
  const pool = { name: 'x', nfs: 'a:/b' };
  expect(refusal(pool, { name: 'y', path: '/pools/x' })).toContain('the same path');
  expect(refusal({ name: 'x', lvm: 'v' }, { name: 'y', lvm: 'v' })).toContain('the same path');
});
