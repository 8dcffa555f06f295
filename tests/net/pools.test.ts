import { randomUUID } from 'node:crypto';
import { resolve } from 'node:path';
import { execa } from 'execa';
import { expect } from 'vitest';
import { z } from 'zod';
import { type Pool, poolsSchema } from '../../apps/api/storage.ts';
import { test } from './world/test.ts';

const KEEPER = resolve(import.meta.dirname, 'world/pool-keeper.ts');

interface Step {
  /** Shell text that runs before the pools are declared. */
  run?: string;
  declared: object[];
}

/** Returns the state of a machine's declared pools after each step. A script makes the disks in /mnt. */
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

test('declared pools are mounted, outer before nested; pools that are no longer declared are unmounted, nested before outer', async () => {
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

test('a pool that cannot be mounted is reported, its empty folder is read-only, and it is mounted once possible', async () => {
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

test('of two disks with the same file system UUID neither is mounted, and a declared serial number must match', async () => {
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

test('an unreachable file server affects only its own pool', async () => {
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

const MAKER = resolve(import.meta.dirname, 'world/pool-maker.ts');

/**
 * Runs shell text with a loop device of 64 MiB, `$disk`, whose serial number is S1. In this text, `pool ACTION MORE`
 * requests a pool of the disk; MORE is JSON with further keys of the request.
 */
async function withDisk(script: string): Promise<unknown[]> {
  const request =
    '"{\\"action\\":\\"$1\\",\\"pool\\":{\\"name\\":\\"a\\"},\\"disks\\":[\\"$disk\\"]$2}"';
  const story = `set -e; mount -t tmpfs tmpfs /mnt; cd /mnt; truncate -s 64M image
disk=$(losetup --show -f image)
trap 'umount /mnt/at 2>/dev/null || :; losetup -d "$disk"' EXIT
pool() { ${process.execPath} ${MAKER} ${request} "{\\"$disk\\":\\"S1\\"}"; }
${script}`;
  const own = ['--mount', '--pid', '--fork', '--kill-child', '--mount-proc'];
  const { stdout } = await execa('unshare', [...own, 'sh', '-c', story]);
  return stdout.split('\n').map((line) => JSON.parse(line) as unknown);
}

const declaredSchema = z.object({ name: z.literal('a'), disk: z.guid(), serial: z.literal('S1') });

test('an empty disk becomes a pool; a disk with data only if its serial number is typed', async () => {
  const [made, again, wrong, over] = await withDisk(`pool create
before=$(sha256sum <image)
pool create
pool create ',"destroy":"S2"'
[ "$before" = "$(sha256sum <image)" ]
pool create ',"destroy":"S1"'`);
  const first = declaredSchema.parse(made);
  for (const refusal of [again, wrong]) {
    expect(refusal).toMatch(/^\/dev\/loop\d+ holds a file system \(ext4\), which would be lost\. /);
    expect(refusal).toContain('Its serial number confirms that this disk is meant: --destroy "S1"');
  }
  expect(declaredSchema.parse(over).disk).not.toBe(first.disk);
});

test('a disk with data only at its end, with partitions or with LVM volumes is not empty', async () => {
  const told =
    await withDisk(`printf x | dd of="$disk" bs=1 seek=$((64 * 1024 * 1024 - 1)) 2>/dev/null
pool create
printf LABELONE | dd of="$disk" bs=512 seek=1 2>/dev/null
pool create`);
  expect(told).toEqual([
    expect.stringContaining('holds data of another kind'),
    expect.stringContaining('holds an LVM physical volume'),
  ]);
});

test('a disk in use cannot become a pool, even with its serial number', async () => {
  const told = await withDisk(`mkfs.ext4 -q "$disk"; mkdir at; mount "$disk" at
pool create ',"destroy":"S1"'
umount at
sleep 60 <"$disk" & sleeper=$!
pool create ',"destroy":"S1"'
kill "$sleeper"
loop=$(losetup -r -f --show "$disk")
pool create ',"destroy":"S1"'
losetup -d "$loop"`);
  expect(told).toEqual([
    expect.stringMatching(/^\/dev\/loop\d+ is in use: mounted at \/mnt\/at\.$/),
    expect.stringContaining('is in use: a program has /dev/loop'),
    expect.stringMatching(/^\/dev\/loop\d+ is in use: \/dev\/loop\d+ reads \/dev\/loop\d+\.$/),
  ]);
});

test('an existing file system is imported without writing to it', async () => {
  const uuid = randomUUID();
  const told = await withDisk(`pool import
mkfs.ext4 -q -U ${uuid} "$disk"
before=$(sha256sum <image)
pool import
[ "$before" = "$(sha256sum <image)" ]`);
  expect(told).toEqual([
    expect.stringContaining('there is no file system or volume group on /dev/loop'),
    { name: 'a', disk: uuid, serial: 'S1' },
  ]);
});

const MANAGER = resolve(import.meta.dirname, 'world/pool-manager.ts');

/**
 * Returns the outcome of requests to an agent with one pool, the disk `a` at /mnt/pools/a; `node.yaml` has a comment.
 */
async function manage(steps: readonly object[]): Promise<string[]> {
  const uuid = randomUUID();
  const yaml = `pools:\n  # kept\n  - name: a\n    disk: ${uuid}\n    path: /mnt/pools/a\n`;
  const story = `set -e; mount -t tmpfs tmpfs /mnt; cd /mnt; truncate -s 64M image
mkfs.ext4 -q -F -U ${uuid} image; printf '${yaml.replaceAll('\n', '\\n')}' >node.yaml
disk=$(losetup --show -f image); trap 'umount -l /mnt/pools/a 2>/dev/null || :; losetup -d "$disk"' EXIT
"$@" "$disk"`;
  const own = ['--mount', '--pid', '--fork', '--kill-child', '--mount-proc'];
  const manager = [process.execPath, MANAGER, JSON.stringify(steps)];
  const { stdout } = await execa('unshare', [...own, 'sh', '-c', story, 'sh', ...manager]);
  return z.array(z.string()).parse(JSON.parse(stdout));
}

test('a pool that cannot be mounted is not declared, and leaves nothing', async () => {
  const nas = { action: 'create', pool: { name: 'nas', nfs: '127.0.0.1:/b', path: '/mnt/nas' } };
  const isos = { action: 'create', pool: { name: 'isos', directory: '/mnt/pools/a/isos' } };
  const inMemory = { action: 'create', pool: { name: 'b', directory: '/mnt/b' } };
  const look = { run: 'grep -c quantix-unmounted /proc/mounts; grep -E "name|#" /mnt/node.yaml' };
  expect(
    await manage([{ add: nas }, { add: inMemory }, { add: isos }, { add: isos }, look]),
  ).toEqual([
    expect.stringContaining('the pool nas does not come up: mount.nfs '),
    expect.stringContaining('/mnt/b is on no disk'),
    'done',
    expect.stringContaining('two pools have the same name'),
    '1\n  # kept\n  - name: a\n  - name: isos\n',
  ]);
});

test('a pool in use cannot be removed and stays declared; once it is free it can', async () => {
  const hold = { run: 'cd /mnt/pools/a; sleep 60 >/dev/null 2>&1 & echo $! >/mnt/pid' };
  const look = { run: 'cat /mnt/node.yaml; grep -c /mnt/pools/a /proc/mounts || :' };
  const outcomes = await manage([
    ...[hold, { remove: 'a' }, look, { run: 'kill "$(cat /mnt/pid)"' }],
    ...[{ remove: 'a' }, look, { remove: 'a' }],
  ]);
  expect(outcomes[1]).toMatch(
    /\/mnt\/pools\/a is no longer a pool, but is still mounted: umount .*busy/,
  );
  expect(outcomes[2]).toMatch(/name: a[\s\S]*\n2\n$/);
  expect(outcomes[4]).toBe('done');
  expect(outcomes[5]).toMatch(/^pools:[\s\S]*\n0\n$/);
  expect(outcomes[5]).not.toContain('name');
  expect(outcomes[6]).toContain('there is no pool "a"');
});
