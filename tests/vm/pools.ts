import { truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'vitest';
import { z } from 'zod';
import { poolsSchema } from '../../apps/api/storage.ts';
import type { Disk } from '../../build/qemu/machine.ts';
import { type Story, succeed, untilSucceeds } from './story.ts';

/** Sizes in bytes of the disks for pools, which distinguish them from the machine's other disks. */
const SIZES = { files: 96 * 2 ** 20, group: 128 * 2 ** 20 };

/** Empty disks for pools, as files in a folder. */
export async function poolDisks(folder: string): Promise<Disk[]> {
  const disks: Disk[] = [];
  for (const [name, size] of Object.entries(SIZES)) {
    const file = join(folder, `${name}.img`);
    await writeFile(file, '');
    await truncate(file, size);
    disks.push({ file, format: 'raw', bus: 'scsi' });
  }
  return disks;
}

const statusSchema = z.object({
  host: z.object({
    value: z.object({ disks: z.array(z.looseObject({ path: z.string(), size: z.number() })) }),
  }),
  pools: z.object({ value: poolsSchema }),
});

async function told(story: Story) {
  const { host, pools } = statusSchema.parse(
    JSON.parse(await succeed(story, 'qx-node status --json')),
  );
  const diskOf = (size: number) => host.value.disks.find((disk) => disk.size === size)?.path ?? '';
  return { files: diskOf(SIZES.files), group: diskOf(SIZES.group), pools: pools.value };
}

/** Options with which LVM ignores the host's list of devices, and sees guests' disks, too. */
const SEES_ALL = "--devicesfile '' --config devices/scan_lvs=1";

/**
 * Makes pools of empty disks: a file system and a volume group. Checks that a volume group that a guest creates on its
 * disk is invisible to the host.
 */
export async function expectPoolsMade(story: Story): Promise<void> {
  const { files, group } = await told(story);
  expect(await succeed(story, `qx-node pool create files --disk ${files}`)).toMatch(
    /^files filesystem \/pools\/files, .* healthy\n$/,
  );
  expect(await succeed(story, `qx-node pool create fast --disk ${group} --lvm`)).toMatch(
    /^fast lvm fast, .* healthy\n$/,
  );
  const guests = `vgcreate -qq ${SEES_ALL} --yes guests /dev/fast/disk`;
  await succeed(
    story,
    `echo kept >/pools/files/a.img && lvcreate -qq --yes -n disk -L 64M fast && ${guests}`,
  );
  expect(await succeed(story, `vgs --noheadings -o vg_name ${SEES_ALL}`)).toContain('guests');
  await expectGuestsHidden(story);
}

async function expectGuestsHidden(story: Story): Promise<void> {
  expect((await succeed(story, 'vgs --noheadings -o vg_name')).trim()).toBe('fast');
  expect(await succeed(story, 'cat /proc/mdstat 2>/dev/null; true')).not.toContain('active');
}

/** Checks that pools are up again after a restart, and that a removed pool stays removed. */
export async function expectPoolsUpAgain(story: Story): Promise<void> {
  expect(await succeed(story, 'cat /pools/files/a.img; [ -b /dev/fast/disk ]')).toBe('kept\n');
  await expectGuestsHidden(story);
  const { pools } = await told(story);
  expect(pools).toMatchObject([
    { name: 'files', path: '/pools/files', health: 'healthy', volumes: [{ name: 'a.img' }] },
    { name: 'fast', kind: 'lvm', health: 'healthy', volumes: [{ path: '/dev/fast/disk' }] },
  ]);
  await succeed(
    story,
    'until umount /pools/files; do usleep 200000; done; ! touch /pools/files/b.img',
  );
  await untilSucceeds(story, '[ -e /pools/files/a.img ]');
  await succeed(story, 'qx-node pool remove files && ! grep -q /pools/files /proc/mounts');
  expect(await succeed(story, 'cat /quantix/node/node.yaml')).not.toContain('files');
}

const TARGET = 'iqn.2026-01.example:disks';

/** Shell commands that make the guest's kernel an iSCSI server, too, with a disk in a file (LIO, configfs). */
export const SERVE = `mkdir -p /etc/target; modprobe -a target_core_mod target_core_file iscsi_target_mod
grep -q ' /sys/kernel/config ' /proc/mounts || mount -t configfs configfs /sys/kernel/config
core=/sys/kernel/config/target/core/fileio_0/disk; group=/sys/kernel/config/target/iscsi/${TARGET}/tpgt_1
mkdir -p $core; echo fd_dev_name=/tmp/lun,fd_dev_size=67108864 >$core/control; echo 1 >$core/enable
mkdir -p $group/np/127.0.0.1:3260 $group/lun/lun_0; ln -s $core $group/lun/lun_0/port
cd $group/attrib; echo 0 >authentication; echo 1 >generate_node_acls; echo 1 >cache_dynamic_acls
echo 0 >demo_mode_write_protect; echo 1 >$group/enable; cd`;

const POOL = `/sys/kernel/config/target/iscsi/${TARGET}/tpgt_1/enable`;

/** Makes a pool of a target's disk; checks that it is unknown while the server is stopped, and recovers afterwards. */
export async function expectIscsiPool(story: Story): Promise<void> {
  await succeed(story, SERVE.replaceAll('\n', '; '));
  expect(
    await succeed(story, `qx-node pool create san --iscsi ${TARGET} --portal 127.0.0.1`),
  ).toMatch(/^san filesystem \/pools\/san, .* healthy\n$/);
  expect(await succeed(story, 'cat /quantix/iscsi/initiatorname.iscsi')).toMatch(
    /^InitiatorName=iqn\.\S+\n$/,
  );
  const untilTold = (change: string) =>
    untilSucceeds(story, `grep -q 'storage pool san: ${change}' /var/log/quantix/node.log`);
  await succeed(story, `echo 0 >${POOL}`);
  await untilTold('healthy → unknown: .* does not answer');
  expect(await succeed(story, 'grep "storage pool fast" /var/log/quantix/node.log')).toMatch(
    /^.*new → healthy\n$/,
  );
  await succeed(story, `echo 1 >${POOL}`);
  await untilTold('unknown → healthy');
  await succeed(story, 'echo back >/pools/san/a.img && sync /pools/san/a.img');
  await succeed(story, 'qx-node pool remove san && [ -z "$(ls /sys/class/iscsi_session)" ]');
}
