import { describe, expect, test } from 'vitest';
import { parseMounts } from '../../../../apps/host/mounts.ts';
import { findCandidates } from '../../../../apps/storage/candidates.ts';
import type { PoolDeclaration } from '../../../../apps/storage/declaration.ts';

/** Finds pools. @param mounts `DEVICE ROOT PATH TYPE SOURCE` each, in addition to those that every appliance has */
function find(mounts: string[], declarations: PoolDeclaration[] = []) {
  const always = [
    '0:40 / / overlay overlay',
    '0:21 / /proc proc proc',
    '0:30 / /run tmpfs tmpfs',
    '7:0 / /run/quantix/lower squashfs /dev/loop0',
    '8:2 / /run/quantix/medium ext4 /dev/sda2',
    '8:4 / /quantix ext4 /dev/sda4',
  ];
  const lines = [...always, ...mounts].map((line, index) => {
    const [device, root, path, type, source] = line.split(' ');
    return `${index} 1 ${device} ${root} ${path} rw - ${type} ${source} rw`;
  });
  return findCandidates(parseMounts(lines.join('\n')), declarations);
}

const DATA = '8:5 / /data xfs /dev/sda5';

describe('discovered pools', () => {
  test('exclude the system’s root, medium, configuration and temporary files', () => {
    expect(find([])).toEqual([]);
    expect(find(['8:1 / /boot/efi ext4 /dev/sda1', '8:9 / /tmp/x xfs /dev/sdx'])).toEqual([]);
  });

  test('are separate for a mount below another, and for paths with a common beginning', () => {
    const pools = find([
      DATA,
      '8:17 / /data2 ext4 /dev/sdb1',
      '8:33 / /data/pools/x btrfs /dev/sdc1',
      '0:50 / /data/nas nfs4 nas:/export',
    ]);
    expect(pools.map(({ name, kind, path }) => `${name} ${kind} ${path}`)).toEqual([
      'data filesystem /data',
      'data-nas nfs /data/nas',
      'data-pools-x filesystem /data/pools/x',
      'data2 filesystem /data2',
    ]);
    expect(pools.map(({ isOurs }) => isOurs)).toEqual([true, false, false, false]);
  });

  test('include each file system once, even if it or its folders are mounted elsewhere, too', () => {
    const pools = find([
      DATA,
      '8:5 /postgresql /var/lib/postgresql xfs /dev/sda5',
      '8:5 / /mnt/again xfs /dev/sda5',
      '0:60 /@a /srv/a btrfs /dev/sdd',
      '0:60 /@bb /srv/bb btrfs /dev/sdd',
    ]);
    expect(pools.map(({ path }) => path)).toEqual(['/data', '/srv/a']);
  });

  test("exclude second mounts of the system's own disks", () => {
    expect(find(['8:4 / /mnt/config ext4 /dev/sda4'])).toEqual([]);
  });

  test('of NFS are identified by server and export', () => {
    const [pool] = find(['0:50 / /mnt/vms nfs 10.0.0.9:/tank/vms/']);
    expect(pool).toMatchObject({ id: '10.0.0.9:/tank/vms', kind: 'nfs', path: '/mnt/vms' });
  });
});

describe('declared pools', () => {
  test('are unmounted if nothing is mounted on their folder, even if something is on a parent folder', () => {
    const [pool, ...others] = find([DATA], [{ name: 'fast', path: '/data/pools/fast' }]);
    expect(pool).toMatchObject({ name: 'fast', id: 'declared:fast', mount: null });
    expect(others.map(({ name }) => name)).toEqual(['data']);
  });

  test('keep their id when they are mounted, and are not discovered a second time', () => {
    const mounts = ['8:17 / /mnt/fast xfs /dev/sdb1', '8:17 / /a xfs /dev/sdb1'];
    const pools = find(mounts, [{ name: 'fast', path: '/mnt/fast' }]);
    expect(pools).toMatchObject([{ name: 'fast', id: 'declared:fast', source: '/dev/sdb1' }]);
  });

  test('are unmounted if a temporary file system is mounted on their folder', () => {
    const [pool] = find(['0:70 / /mnt/fast tmpfs tmpfs'], [{ name: 'fast', path: '/mnt/fast' }]);
    expect(pool?.mount).toBeNull();
  });

  test('of NFS are found wherever they are mounted, and keep their id when unmounted', () => {
    const declared = [{ name: 'nas', nfs: 'nas:/export' }];
    const [mounted, ...others] = find(['0:50 / /mnt/x nfs4 nas:/export/'], declared);
    expect(mounted).toMatchObject({ name: 'nas', id: 'nas:/export', path: '/mnt/x' });
    expect(others).toEqual([]);
    expect(find([], declared)).toMatchObject([{ id: 'nas:/export', path: null, mount: null }]);
  });

  test('that are folders are on the disk mounted above them, which stays a pool too', () => {
    const pools = find([DATA], [{ name: 'isos', directory: '/data/isos' }]);
    expect(pools).toMatchObject([
      { name: 'isos', kind: 'directory', source: '/dev/sda5', mount: { path: '/data' } },
      { name: 'data' },
    ]);
  });

  test('that are folders in memory are unmounted', () => {
    const [pool] = find([], [{ name: 'isos', directory: '/srv/isos' }]);
    expect(pool).toMatchObject({ kind: 'directory', mount: null });
  });
});
