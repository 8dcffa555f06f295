import { setTimeout as wait } from 'node:timers/promises';
import { expect, test } from 'vitest';
import type { Disk } from '../../build/qemu/machine.ts';
import { Random } from '../fuzz/random.ts';
import { temporaryFolder } from '../unit/folder.ts';
import {
  expectGoodServices,
  expectLease,
  expectNoTrace,
  expectReachedFromOutside,
  expectStatic,
  powerOff,
  reachableMachine,
} from './address.ts';
import { dataDisk } from './data-disk.ts';
import {
  addNode,
  countRows,
  damageEtcdAndRedis,
  expectDatabase,
  expectDocumentedCommands,
  expectEtcdAndRedisRecovered,
  expectMigrationsReversible,
  makeFirstBackup,
} from './databases.ts';
import { expectSecureBoot } from './kernel.ts';
import { setStaticOnSerialLine } from './set-address.ts';
import { boot, imageOf, logIn, type Story, succeed, untilReady } from './story.ts';

/** Milliseconds for a story, whose many commands each take seconds on an emulated processor. */
const STORY = 1_800_000;

/** The power is cut at a random moment within this many milliseconds of the migration of the database. */
const LONGEST_MIGRATION = 25_000;

/**
 * Boots QvDC for the first time, with a fresh disk for its data, and ends QEMU while the database is migrated; twenty
 * cuts at other moments are in power-cuts.test.ts. @returns the disk, as it was left
 */
async function cutFirstBoot(): Promise<Disk> {
  const file = await dataDisk(await temporaryFolder(), 'QVDC-DATA');
  const disk: Disk = { file, format: 'raw', bus: 'virtio' };
  await using story = await boot('qvdc-power-cut', {
    firmware: 'uefi',
    board: 'q35',
    medium: { as: 'cdrom', bus: 'ata', image: imageOf('qvdc').iso },
    disks: [disk],
  });
  await story.guest.waitFor(/Starting qx-controlplane/);
  await wait(new Random(12).below(LONGEST_MIGRATION));
  return disk;
}

/** Checks that PostgreSQL has refused no connection: the checks that run each minute use a permitted role. */
async function expectNobodyRefused(story: Story): Promise<void> {
  const refusals = "grep -e 'no pg_hba.conf entry' -e 'authentication failed'";
  await succeed(story, `! ${refusals} /data/log/system/messages`);
}

/** Waits for text on the status screen of the console on the serial line. */
async function untilConsoleTells({ guest }: Story, text: RegExp): Promise<void> {
  await guest.waitFor(/Press Enter to use the console/);
  const status = guest.mark;
  guest.type('');
  await guest.waitFor(text, status);
}

test(
  'QvDC recovers from a power cut in its first migration; it changes from DHCP to a static address and back on the serial console, and keeps address and database over a restart with Secure Boot; etcd with damaged data starts empty, with an alert',
  async () => {
    const { machine, otherwise, hostPort } = await reachableMachine('qvdc', 'QVDC-CFG', {
      bios: { board: 'q35', drive: { as: 'cdrom', bus: 'scsi' } },
      uefi: { board: 'q35', drive: { as: 'disk', bus: 'nvme' } },
    });
    const disks = [...(machine.disks ?? []), await cutFirstBoot()];
    let rows = '';
    {
      await using story = await boot('qvdc-network', { ...machine, disks });
      await untilReady(story);
      await setStaticOnSerialLine(story);
      await expectGoodServices(story, 'qvdc');
      await expectStatic(story);
      await expectReachedFromOutside(story, hostPort);
      await expectMigrationsReversible(story);
      await expectDocumentedCommands(story);
      await addNode(story);
      await makeFirstBackup(story);
      await expectNobodyRefused(story);
      rows = await countRows(story);
      await story.screenshot();
      await damageEtcdAndRedis(story);
      await powerOff(story);
    }
    await using story = await boot('qvdc-network-again', { ...otherwise, disks });
    await untilReady(story);
    await untilConsoleTells(story, /ready \(.*schema version \d+/);
    await logIn(story);
    await expectSecureBoot(story);
    await expectDatabase(story);
    expect(await countRows(story)).toBe(rows);
    await expectEtcdAndRedisRecovered(story);
    await expectStatic(story);
    await succeed(story, 'qx-network dhcp eth0');
    await expectLease(story);
    await expectNoTrace(story);
    const before = story.guest.mark;
    story.guest.type('reboot');
    await story.guest.waitFor(/GNU GRUB/, before);
    story.expectGoodConsole();
  },
  STORY,
);
