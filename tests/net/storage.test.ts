import { resolve } from 'node:path';
import { execa } from 'execa';
import { expect } from 'vitest';
import { z } from 'zod';
import { poolsSchema } from '../../apps/api/storage.ts';
import { test } from './world/test.ts';

const READER = resolve(import.meta.dirname, 'world/storage-reader.ts');

const looksSchema = z.array(z.object({ pools: poolsSchema, problems: z.array(z.string()) }));

/** A disk of 64 MiB with ext4 on it, mounted: FILE FOLDER UUID OPTIONS */
const DISK = `disk() {
	truncate -s 64M "$1"; mkfs.ext4 -q -F -U "$3" "$1"; mkdir -p "$2"; mount -o "loop$4" "$1" "$2"
}`;

/** Reads the storage of a machine twice. A script makes its disks and mounts in /mnt. */
async function look({ script, declared = [] }: { script: string; declared?: object[] }) {
  const story = `set -e; mount -t tmpfs tmpfs /mnt; cd /mnt; ${DISK}\n${script}\n"$@"`;
  const reader = [process.execPath, READER, JSON.stringify(declared), '/mnt/root'];
  const own = ['--mount', '--pid', '--fork', '--kill-child', '--mount-proc'];
  const { stdout } = await execa('unshare', [...own, 'sh', '-c', story, 'sh', ...reader]);
  return looksSchema.parse(JSON.parse(stdout));
}

/** The machine's root is the folder /mnt/root, so this prefix is removed from the kernel's list of mounts. */
const TELL_MOUNTS =
  "mkdir -p root/proc/self; sed -n 's: /mnt/root/: /:p' /proc/self/mountinfo >root/proc/self/mountinfo; mkdir -p root/dev; cp -a /dev/loop* root/dev/";

const ONE = '11111111-2222-4333-8444-555555555555';
const TWO = '22222222-2222-4333-8444-555555555555';

test('real file systems are pools, once each, with their UUID, space, volumes and health', async () => {
  const script = `disk one root/data ${ONE}; disk two root/data/pools/fast ${TWO} ,ro
mkdir root/data/vms; truncate -s 10M root/data/vms/a.raw; echo hello >root/data/notes; ln -s /etc/passwd root/data/b.raw
mkdir -p root/var/lib/libvirt/images; mount --bind root/data/vms root/var/lib/libvirt/images
${TELL_MOUNTS}`;
  const [first, second] = await look({ script });
  expect(second).toEqual(first);
  expect(first?.problems).toEqual([]);
  expect(first?.pools).toMatchObject([
    {
      id: ONE,
      name: 'data',
      kind: 'filesystem',
      path: '/data',
      health: 'healthy',
      problem: null,
      writable: true,
      volumes: [
        { name: 'notes', format: 'unknown', capacity: 6 },
        { name: 'vms/a.raw', format: 'raw', capacity: 10 * 1024 * 1024, allocated: 0 },
      ],
    },
    {
      id: TWO,
      path: '/data/pools/fast',
      health: 'degraded',
      problem: 'mounted read-only',
      writable: false,
      volumes: [],
    },
  ]);
  const [data] = first?.pools ?? [];
  expect(data?.total).toBeGreaterThan(32 * 1024 * 1024);
});

test('a declared pool on whose folder nothing is mounted is unmounted, though the disk below has space', async () => {
  const declared = [{ name: 'fast', path: '/data/pools/fast' }];
  const script = `disk one root/data ${ONE}; mkdir -p root/data/pools/fast; touch root/data/pools/fast/a.raw
${TELL_MOUNTS}`;
  const [first] = await look({ script, declared });
  expect(first?.pools).toMatchObject([
    { name: 'fast', health: 'unmounted', path: null, total: 0, available: 0, volumes: [] },
    { id: ONE, name: 'data', health: 'healthy' },
  ]);
});

test('a full disk is degraded', async () => {
  const script = `disk one root/data ${ONE}; ! cat /dev/zero >root/data/full 2>/dev/null
${TELL_MOUNTS}`;
  const [first] = await look({ script });
  expect(first?.pools).toMatchObject([{ health: 'degraded', problem: '100 % full' }]);
});

/** Mounts a file system at root/NAME whose server never answers: NAME */
const HANG = `hang() {
	mkdir -p "root/$1"
	mount -i -t fuse -o "fd=$2,rootmode=40000,user_id=0,group_id=0" "hang-$1" "root/$1"
}`;

test('any number of silent file servers does not delay the report of other, even large, pools', async () => {
  const script = `disk one root/data ${ONE}; ${HANG}
for each in 3 4 5; do eval "exec $each<>/dev/fuse"; hang "nas$each" $each; done
mkdir -p root/big; mount -t tmpfs big root/big
seq -f 'root/big/disk-%g.qcow2' 20000 | xargs touch
${TELL_MOUNTS}
sed -i -e 's/fuse hang-\\(nas.\\)/nfs4 \\1:\\/export/' -e 's/tmpfs big/xfs \\/dev\\/big/' root/proc/self/mountinfo`;
  const declared = [{ name: 'nas', nfs: 'nas3:/export/' }];
  const looks = await look({ script, declared });
  for (const { pools } of looks) {
    const silent = { kind: 'nfs', health: 'unknown', seen: 'never', writable: false, volumes: [] };
    expect(pools).toMatchObject([
      { ...silent, id: 'nas3:/export', name: 'nas', path: '/nas3' },
      { name: 'big', health: 'healthy', seen: 'now' },
      { id: ONE, name: 'data', health: 'healthy', seen: 'now', volumesSeen: 'now' },
      { ...silent, name: 'nas4', problem: 'nas4:/export does not answer' },
      { ...silent, name: 'nas5' },
    ]);
  }
  const big = looks.at(-1)?.pools.find(({ name }) => name === 'big');
  expect(big?.volumesSeen).toBe('now');
  expect(big?.volumes).toHaveLength(20_000);
});
