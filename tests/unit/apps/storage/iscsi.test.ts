import { expect, test } from 'vitest';
import { isSilent, readSessions, readTargetDisks } from '../../../../apps/storage/iscsi.ts';
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

test('sessions and disks of a target are separate from those of another', async () => {
  const root = await makeRootFolder({
    ...session(1),
    ...session(2, { target: `${DISKS}2`, disk: 'sdc' }),
    ...session(3, { disk: 'sdd' }),
  });
  expect(await readSessions(DISKS, root)).toEqual(['session1', 'session3']);
  expect(await readTargetDisks(DISKS, root)).toEqual(['sdb', 'sdd']);
  expect(await readSessions('iqn.2026-01.example:other', root)).toEqual([]);
});

test('a target is silent if none of its sessions is logged in', async () => {
  const failed = { state: 'FAILED' };
  expect(await isSilent(DISKS, await makeRootFolder(session(1, failed)))).toBe(true);
  expect(
    await isSilent(DISKS, await makeRootFolder({ ...session(1, failed), ...session(2) })),
  ).toBe(false);
  expect(await isSilent(DISKS, await makeRootFolder({}))).toBe(false);
});
