import { randomUUID } from 'node:crypto';
import { resolve } from 'node:path';
import { execa } from 'execa';
import { expect } from 'vitest';
import { z } from 'zod';
import { type Pool, poolsSchema } from '../../apps/api/storage.ts';
import { test } from './world/test.ts';

const KEEPER = resolve(import.meta.dirname, 'world/pool-keeper.ts');

interface Step {
  /** Shell text that runs before. */
  run?: string;
  declared: object[];
}

/** What the declared pools of a machine are like after each step, whose disks a script makes in /mnt. */
async function keep(disks: readonly string[], steps: readonly Step[]): Promise<Pool[][]> {
  const make = disks.map(
    (uuid, index) => `truncate -s 64M disk${index}; mkfs.ext4 -q -F -U ${uuid} disk${index}
set -- "$@" "$(losetup --show -f disk${index})"`,
  );
  const story = `set -e; mount -t tmpfs tmpfs /mnt; cd /mnt
detach() { for loop in $(losetup -n -O NAME,BACK-FILE | sed -n 's: */mnt/disk.*::p'); do losetup -d "$loop"; done; }
${make.join('\n')}
status=0; "$@" || status=$?
umount -a -t ext4 2>/dev/null || :
for disk; do case $disk in /dev/loop*) losetup -d "$disk" ;; esac; done
exit $status`;
  const told = JSON.stringify(steps.map(({ run = ':', declared }) => ({ run, declared })));
  const own = ['--mount', '--pid', '--fork', '--kill-child', '--mount-proc'];
  const keeper = [process.execPath, KEEPER, told];
  const { stdout } = await execa('unshare', [...own, 'sh', '-c', story, 'sh', ...keeper]);
  return z.array(poolsSchema).parse(JSON.parse(stdout));
}

test('declared disks are mounted, the outer one first; those declared no more are unmounted, the inner one first', async () => {
  const [outer, inner] = [randomUUID(), randomUUID()];
  const a = { name: 'a', disk: outer, path: '/mnt/pools/a' };
  const b = { name: 'b', disk: inner, path: '/mnt/pools/a/deeper/b' };
  const [first, second, third] = await keep(
    [outer, inner],
    [
      { declared: [b, a] },
      { run: 'touch /mnt/pools/a/deeper/b/file', declared: [a] },
      { run: '! mountpoint -q /mnt/pools/a/deeper/b', declared: [b, a] },
    ],
  );
  const up = { kind: 'filesystem', health: 'healthy', writable: true } as const;
  expect(first).toMatchObject([
    { ...up, name: 'b', id: inner, path: '/mnt/pools/a/deeper/b' },
    { ...up, name: 'a', id: outer, path: '/mnt/pools/a' },
  ]);
  expect(second).toMatchObject([{ name: 'a', health: 'healthy' }]);
  expect(third?.[0]?.volumes).toMatchObject([{ name: 'file' }]);
});

test('a pool that cannot be had is told as such, nothing can be written into its place, and it comes when it can be had', async () => {
  const [uuid] = [randomUUID()];
  const declared = [
    { name: 'a', disk: uuid, path: '/mnt/pools/a' },
    { name: 'b', directory: '/mnt/pools/a/isos' },
    { name: 'other', disk: randomUUID(), path: '/mnt/pools/other' },
  ];
  const away = 'disk=$(losetup -n -O NAME -j /mnt/disk0); losetup -d "$disk"';
  const back = 'rm -f "$disk"; ! touch /mnt/pools/a/guest.raw; ! mkdir /mnt/pools/other/x';
  const number = '$(cat /mnt/number)';
  const [first, second, third] = await keep(
    [uuid],
    [
      { run: `${away}; echo "\${disk#/dev/loop}" >/mnt/number`, declared },
      { run: `${back}; losetup /dev/loop${number} /mnt/disk0`, declared },
      { run: 'umount /mnt/pools/a; ! touch /mnt/pools/a/guest.raw', declared },
    ],
  );
  const missing = {
    name: 'other',
    health: 'unmounted',
    path: null,
    problem: expect.stringMatching(
      /^\/mnt\/pools\/other is not mounted: no disk has the file system /,
    ),
  };
  expect(first).toMatchObject([
    { name: 'a', health: 'unmounted', problem: expect.stringContaining('no disk has') },
    {
      name: 'b',
      health: 'unmounted',
      problem: '/mnt/pools/a/isos is on no disk: the pool a is not up',
    },
    missing,
  ]);
  for (const pools of [second, third]) {
    expect(pools).toMatchObject([
      { name: 'a', health: 'healthy', volumes: [] },
      { name: 'b' },
      missing,
    ]);
  }
});

test('of two disks with the same file system neither is believed; the serial number tells them apart', async () => {
  const uuid = randomUUID();
  const pool = { name: 'a', disk: uuid, path: '/mnt/pools/a' };
  const [first, second] = await keep(
    [uuid, uuid],
    [{ declared: [pool] }, { declared: [{ ...pool, serial: 'another' }] }],
  );
  expect(first?.[0]?.problem).toContain(`several disks have the file system ${uuid}: /dev/loop`);
  expect(second?.[0]?.problem).toContain(
    'no disk of the serial number another has the file system',
  );
});

test('a file server that is away fails its own pool only', async () => {
  const uuid = randomUUID();
  const [pools] = await keep(
    [uuid],
    [
      {
        declared: [
          { name: 'nas', nfs: '127.0.0.1:/export', path: '/mnt/pools/nas' },
          { name: 'a', disk: uuid, path: '/mnt/pools/a' },
        ],
      },
    ],
  );
  expect(pools).toMatchObject([
    {
      name: 'nas',
      kind: 'nfs',
      health: 'unmounted',
      problem: expect.stringContaining('is not mounted: mount.nfs '),
    },
    { name: 'a', health: 'healthy' },
  ]);
});
