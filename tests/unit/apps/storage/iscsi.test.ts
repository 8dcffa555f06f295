import { expect, test } from 'vitest';
import {
  isSilent,
  readSessions,
  readTargetDisks,
  readTargetMultipaths,
} from '../../../../apps/storage/iscsi.ts';
import { makeRootFolder } from '../host/root-folder.ts';

const DISKS = 'iqn.2026-01.example:disks';

/** An iSCSI session in /sys, with its disk. */
function session(number: number, { target = DISKS, state = 'LOGGED_IN', disk = 'sdb' } = {}) {
  const folder = `sys/class/iscsi_session/session${number}`;
  return {
    [`${folder}/targetname`]: `${target}\n`,
    [`${folder}/state`]: `${state}\n`,
    [`${folder}/device/target3:0:0/3:0:0:0/block/${disk}/size`]: '8\n',
  };
}

test('only the sessions and disks of the named target are read', async () => {
  const root = await makeRootFolder({
    ...session(1),
    ...session(2, { target: `${DISKS}2`, disk: 'sdc' }),
    ...session(3, { disk: 'sdd' }),
  });
  expect(await readSessions(DISKS, root)).toEqual(['session1', 'session3']);
  expect(await readTargetDisks(DISKS, root)).toEqual(['sdb', 'sdd']);
  expect(await readSessions('iqn.2026-01.example:other', root)).toEqual([]);
});

/** A mapping of the device mapper in /sys that consists of disks. */
function mapping(name: string, uuid: string, parts: readonly string[]) {
  return {
    [`sys/class/block/${name}/dm/uuid`]: `${uuid}\n`,
    [`sys/class/block/${name}/size`]: '8\n',
    ...Object.fromEntries(parts.map((part) => [`sys/class/block/${part}/holders/${name}/`, ''])),
  };
}

test('only whole multipath devices that consist of disks of a target belong to it', async () => {
  const root = await makeRootFolder({
    ...session(1),
    ...session(2, { disk: 'sdc' }),
    ...session(3, { target: `${DISKS}2`, disk: 'sdd' }),
    ...session(4, { target: `${DISKS}2`, disk: 'sde' }),
    ...session(5, { disk: 'sdf' }),
    ...mapping('dm-0', 'mpath-36001405', ['sdb', 'sdc']),
    ...mapping('dm-1', 'part1-mpath-36001405', ['dm-0']),
    ...mapping('dm-2', 'mpath-36001406', ['sdd', 'sde']),
    ...mapping('dm-3', 'LVM-x', ['sdf']),
    ...mapping('dm-4', 'mpath-3500a', ['sda']),
  });
  expect(await readTargetMultipaths(DISKS, root)).toEqual({ devices: ['dm-0'], without: ['sdf'] });
  expect(await readTargetMultipaths(`${DISKS}2`, root)).toEqual({ devices: ['dm-2'], without: [] });
});

test('a target is silent if none of its sessions is logged in', async () => {
  const failed = { state: 'FAILED' };
  expect(await isSilent(DISKS, await makeRootFolder(session(1, failed)))).toBe(true);
  expect(
    await isSilent(DISKS, await makeRootFolder({ ...session(1, failed), ...session(2) })),
  ).toBe(false);
  expect(await isSilent(DISKS, await makeRootFolder({}))).toBe(false);
});
