import { setTimeout as wait } from 'node:timers/promises';
import { test } from 'vitest';
import { must } from '../../build/error.ts';
import type { Machine } from '../../build/qemu/machine.ts';
import { Random } from '../fuzz/random.ts';
import { temporaryFolder } from '../unit/folder.ts';
import { dataDisk } from './data-disk.ts';
import { expectDatabase } from './databases.ts';
import { boot, imageOf, logIn, untilReady, untilSucceeds } from './story.ts';

/**
 * Moments of a first boot after which something is being written, by what the guest says of itself, and the longest time
 * from there until the power is cut, milliseconds: while the database is migrated, while the cluster is made, while etcd
 * makes its folder, and before all that.
 */
const MOMENTS = [
  { moment: /Starting qx-controlplane/, longest: 25_000 },
  { moment: /Starting postgresql/, longest: 25_000 },
  { moment: /Starting etcd/, longest: 5_000 },
  { moment: /quantix: root/, longest: 5_000 },
] as const;

/** How often the power is cut; `QUANTIX_POWER_CUTS=20` asks for more than a usual run has time for. */
const CUTS = Number(process.env.QUANTIX_POWER_CUTS ?? 1);

const random = new Random(12);
const cuts = Array.from({ length: CUTS }, (_, cut) => {
  const { moment, longest } = must(MOMENTS[cut % MOMENTS.length], 'moment');
  return { cut, moment, after: random.below(longest) };
});

test.each(cuts)(
  'cut $cut of power in a first boot, $after ms after it says $moment: the next boot ends in a working control plane, with all migrations',
  async ({ cut, moment, after }) => {
    const machine: Machine = {
      firmware: 'bios',
      medium: { as: 'cdrom', image: imageOf('qvdc').iso },
      disks: [
        {
          file: await dataDisk(await temporaryFolder(), 'QVDC-DATA'),
          format: 'raw',
          bus: 'virtio',
        },
      ],
    };
    {
      await using story = await boot(`qvdc-power-cut-${cut}`, machine);
      await story.guest.waitFor(moment);
      await wait(after);
    }
    const otherwise = { firmware: 'uefi', cpus: 2 } as const;
    await using story = await boot(`qvdc-power-cut-${cut}-again`, { ...machine, ...otherwise });
    await untilReady(story);
    await logIn(story);
    await expectDatabase(story);
    // The boot does not wait for etcd, which may have to set its folder aside.
    await untilSucceeds(story, 'qx-controlplane doctor');
    story.expectGoodConsole();
  },
);
