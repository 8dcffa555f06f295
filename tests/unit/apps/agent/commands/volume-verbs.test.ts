import { execFileSync, spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import promises, { link, mkdir, readdir, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { basename, join } from 'node:path';
import { create } from '@bufbuild/protobuf';
import { expect, onTestFinished, test, vi } from 'vitest';
import type { Verb } from '../../../../../apps/agent/commands/commander.ts';
import { explainFailure } from '../../../../../apps/agent/commands/failure.ts';
import { makeVolumeVerbs, placeVolume } from '../../../../../apps/agent/commands/volume-verbs.ts';
import type { Pool } from '../../../../../apps/api/storage.ts';
import { parseSources } from '../../../../../apps/libvirt/disk-sources.ts';
import {
  type Task,
  TaskErrorCode,
  TaskSchema,
} from '../../../../../apps/proto/gen/quantix/v1/task_pb.js';
import { VolumeFormat } from '../../../../../apps/proto/gen/quantix/v1/vm_spec_pb.js';
import { findImageBackedBy, parseBackingFile } from '../../../../../apps/storage/backing-file.ts';
import { temporaryFolder } from '../../../folder.ts';
import { DATA } from '../membership/agent.ts';

const QEMU_IS_HERE = spawnSync('qemu-img', ['--version']).error === undefined;
const here = test.runIf(QEMU_IS_HERE);
const MIB = 1n << 20n;

/** A host with one pool, by default a folder, and functions that carry out tasks on its volumes. */
async function host(
  inUse: readonly string[] = [],
  { own = {}, others = [] }: { own?: Partial<Pool>; others?: readonly Pool[] } = {},
) {
  const folder = await temporaryFolder();
  const pool = { ...DATA, path: folder, ...own };
  const deps = {
    findPool: async (id: string) => (id === pool.id ? pool : undefined),
    pools: async () => [pool, ...others],
    inUse: async () => new Set(inUse.map((name) => join(folder, name))),
    changed: async () => undefined,
  };
  const executors = makeVolumeVerbs(deps);
  /** Carries out a task. @returns `done`, or the code of the failure */
  const carryOut = async (verb: Task['verb']): Promise<string> => {
    const task = create(TaskSchema, { id: crypto.randomUUID(), verb });
    const executor = executors[verb.case as Verb];
    try {
      const { signal } = new AbortController();
      await executor?.carryOut({
        task,
        signal,
        again: false,
        begunAt: new Date(),
        progress: () => undefined,
      });
      return executor === undefined ? 'unknown' : 'done';
    } catch (error) {
      return TaskErrorCode[explainFailure(error).code] ?? '';
    }
  };
  const volume = (name: string) => ({ poolId: pool.id, name });
  return {
    folder,
    make: (name: string, format: VolumeFormat, capacityBytes: bigint) =>
      carryOut(
        create(TaskSchema, {
          verb: { case: 'createVolume', value: { volume: volume(name), format, capacityBytes } },
        }).verb,
      ),
    remove: (name: string) =>
      carryOut(
        create(TaskSchema, { verb: { case: 'deleteVolume', value: { volume: volume(name) } } })
          .verb,
      ),
    place: (name: string, format: 'raw' | 'qcow2') => placeVolume(deps, volume(name), format),
  };
}

here(
  'a volume is made, found and removed; making or removing it twice changes nothing more',
  async () => {
    const { folder, make, remove, place } = await host();
    for (let times = 0; times < 2; times += 1) {
      expect(await make('a.qcow2', VolumeFormat.QCOW2, 64n * MIB)).toBe('done');
      expect(await make('b.img', VolumeFormat.RAW, 64n * MIB)).toBe('done');
    }
    expect((await readdir(folder)).sort()).toEqual(['a.qcow2', 'b.img']);
    expect(await place('a.qcow2', 'qcow2')).toMatchObject({
      path: join(folder, 'a.qcow2'),
      isDevice: false,
    });
    expect(await make('a.qcow2', VolumeFormat.QCOW2, 65n * MIB)).toBe('CONFLICT');
    for (let times = 0; times < 2; times += 1) expect(await remove('a.qcow2')).toBe('done');
    expect(await readdir(folder)).toEqual(['b.img']);
  },
);

/** Records, in their order, the new and removed names in folders, and the folders and files that are synced. */
function recordSteps(): string[] {
  const steps: string[] = [];
  const { open, link, rm } = promises;
  Object.assign(promises, {
    link: async (...[from, to]: Parameters<typeof link>) => {
      steps.push(`name ${to}`);
      await link(from, to);
    },
    rm: async (...[path, options]: Parameters<typeof rm>) => {
      steps.push(`remove ${path}`);
      await rm(path, options);
    },
    open: async (...[path, ...rest]: Parameters<typeof open>) => {
      const file = await open(path, ...rest);
      const sync = file.sync.bind(file);
      return Object.assign(file, {
        sync: async () => {
          steps.push(`sync ${String(path)}`);
          await sync();
        },
      });
    },
  });
  syncBuiltinESMExports();
  onTestFinished(() => {
    Object.assign(promises, { open, link, rm });
    syncBuiltinESMExports();
  });
  return steps;
}

here('a volume that was reported as made, or as removed, is so after a power cut', async () => {
  const { folder, make, remove } = await host();
  const steps = recordSteps();
  expect(await make('a.img', VolumeFormat.RAW, MIB)).toBe('done');
  expect(steps.at(-1)).toBe(`sync ${folder}`);
  expect(steps).toContain(`name ${join(folder, 'a.img')}`);
  for (let times = 0; times < 2; times += 1) {
    steps.length = 0;
    expect(await remove('a.img')).toBe('done');
    expect(steps.at(-1)).toBe(`sync ${folder}`);
  }
  // The agent ended after the volume had its name.
  await make('a.img', VolumeFormat.RAW, MIB);
  steps.length = 0;
  expect(await make('a.img', VolumeFormat.RAW, MIB)).toBe('done');
  expect(steps).toEqual([`sync ${folder}`]);
});

here(
  'what a cut task left of a volume takes no space once a volume is made or removed',
  async () => {
    const { folder, make, remove } = await host();
    const unfinished = (name: string) =>
      join(folder, `.quantix-new.${crypto.randomUUID()}.${name}`);
    await writeFile(unfinished('a.img'), 'cut before it was complete');
    await writeFile(join(folder, '.quantix-new.note'), 'not of this kind');
    await make('a.img', VolumeFormat.RAW, MIB);
    expect(await readdir(folder)).toEqual(['.quantix-new.note', 'a.img']);
    for (const work of [() => make('a.img', VolumeFormat.RAW, MIB), () => remove('a.img')]) {
      await link(join(folder, 'a.img'), unfinished('a.img'));
      expect(await work()).toBe('done');
      expect(await readdir(folder)).not.toContainEqual(
        expect.stringMatching(/a\.img.+|new.+a\.img/),
      );
    }
    // Another host may be making this one.
    await writeFile(unfinished('b.img'), '');
    await make('a.img', VolumeFormat.RAW, MIB);
    expect(await readdir(folder)).toHaveLength(3);
    vi.spyOn(Date, 'now').mockReturnValue(Date.now() + 7_200_000);
    await remove('a.img');
    expect(await readdir(folder)).toEqual(['.quantix-new.note']);
  },
);

/** Names of block devices of this machine that can be opened; one of them stands for a logical volume. */
const DEVICES = readdirSync('/dev', { withFileTypes: true })
  .filter((entry) => entry.isBlockDevice() && /^(loop\d|[sv]d[a-z])/.test(entry.name))
  .map(({ name }) => name);

test.runIf(DEVICES.length > 0)(
  'making a logical volume twice is done, although LVM rounds its size up',
  async () => {
    const programs = await temporaryFolder();
    const program = (name: string, lines: string) =>
      writeFile(join(programs, name), `#!/bin/sh\n${lines}\n`, { mode: 0o755 });
    const report = { report: [{ vg: [{ vg_extent_size: String(4n * MIB) }] }] };
    await program('vgs', `echo '${JSON.stringify(report)}'`);
    await program('blockdev', `echo ${68n * MIB}`);
    vi.stubEnv('PATH', `${programs}:${process.env.PATH}`);
    const own = { kind: 'lvm', path: null, source: '.' } as const;
    const { make } = await host([], { own });
    const [name = ''] = DEVICES;
    expect(await make(name, VolumeFormat.RAW, 65n * MIB)).toBe('done');
    expect(await make(name, VolumeFormat.RAW, 64n * MIB)).toBe('CONFLICT');
    expect(await make(name, VolumeFormat.RAW, 69n * MIB)).toBe('CONFLICT');
  },
);

here('a volume in use by a machine stays, and so does a file that is not a volume', async () => {
  const { folder, make, remove, place } = await host(['a.img']);
  await make('a.img', VolumeFormat.RAW, MIB);
  expect(await remove('a.img')).toBe('CONFLICT');
  await symlink('/etc/passwd', join(folder, 'link'));
  await expect(place('link', 'raw')).rejects.toThrow(/is a link/);
  expect(await make('link', VolumeFormat.RAW, MIB)).toBe('CONFLICT');
  await expect(place('missing', 'raw')).rejects.toThrow(/no volume missing/);
});

here('a volume that backs a snapshot or a linked clone is not removed', async () => {
  const { folder, make, remove } = await host();
  await make('base.qcow2', VolumeFormat.QCOW2, MIB);
  const clone = (name: string, backing: string) =>
    execFileSync('qemu-img', ['create', '-q', '-f', 'qcow2', '-F', 'qcow2', '-b', backing, name], {
      cwd: folder,
    });
  const base = join(folder, 'base.qcow2');
  const json = JSON.stringify({ driver: 'qcow2', file: { driver: 'file', filename: base } });
  for (const backing of ['base.qcow2', base, `file:${base}`, `json:${json}`]) {
    clone('web.snapshot', backing);
    expect(await remove('base.qcow2')).toBe('CONFLICT');
    await rm(join(folder, 'web.snapshot'));
  }
  // A file of the same name in another folder, and a file that is not an image.
  await mkdir(join(folder, 'other'));
  await writeFile(join(folder, 'other', 'base.qcow2'), '');
  execFileSync(
    'qemu-img',
    ['create', '-q', '-f', 'qcow2', '-F', 'raw', '-u', '-b', 'other/base.qcow2', 'x', '1M'],
    { cwd: folder },
  );
  await writeFile(join(folder, 'note'), 'base.qcow2');
  expect(await remove('base.qcow2')).toBe('done');
});

here('a volume that backs an image in another pool is not removed', async () => {
  const other = { ...DATA, id: 'other', path: await temporaryFolder() };
  const { folder, make, remove } = await host([], { others: [other] });
  await make('base.qcow2', VolumeFormat.QCOW2, MIB);
  const base = join(folder, 'base.qcow2');
  const clone = join(other.path, 'clone');
  execFileSync('qemu-img', ['create', '-q', '-f', 'qcow2', '-F', 'qcow2', '-b', base, clone]);
  expect(await remove('base.qcow2')).toBe('CONFLICT');
  await rm(clone);
  expect(await remove('base.qcow2')).toBe('done');
});

here('a volume that backs an image in a subfolder is not removed', async () => {
  const own: { volumes: Pool['volumes'] } = { volumes: [] };
  const { folder, make, remove } = await host([], { own });
  await make('base.qcow2', VolumeFormat.QCOW2, MIB);
  await mkdir(join(folder, 'clones'));
  const clone = join(folder, 'clones', 'web.qcow2');
  const args = ['create', '-q', '-f', 'qcow2', '-F', 'qcow2', '-b', '../base.qcow2', clone];
  execFileSync('qemu-img', args);
  const listed = { name: 'clones/web.qcow2', path: clone, format: 'qcow2' } as const;
  own.volumes.push({ ...listed, allocated: 0, capacity: Number(MIB) });
  expect(await remove('base.qcow2')).toBe('CONFLICT');
  await rm(clone);
  expect(await remove('base.qcow2')).toBe('done');
});

here('a volume that a machine uses by another path is not removed', async () => {
  const other = await temporaryFolder();
  const { folder, make, remove } = await host([`../${join(basename(other), 'pool', 'a.img')}`]);
  await make('a.img', VolumeFormat.RAW, MIB);
  await symlink(folder, join(other, 'pool'));
  expect(await remove('a.img')).toBe('CONFLICT');
});

test('a logical volume that backs an image, or has snapshots, is not removed', async () => {
  const programs = await temporaryFolder();
  const lv = (lv_name: string, origin: string, pool_lv: string) => ({ lv_name, origin, pool_lv });
  const list = async (...lvs: ReturnType<typeof lv>[]) => {
    const text = JSON.stringify({ report: [{ lv: lvs }] });
    await writeFile(join(programs, 'lvs'), `#!/bin/sh\necho '${text}'\n`, { mode: 0o755 });
  };
  vi.stubEnv('PATH', `${programs}:${process.env.PATH}`);
  const other = { ...DATA, id: 'other', path: await temporaryFolder() };
  const own = { kind: 'lvm', path: null, source: 'no-such-group' } as const;
  const { remove } = await host([], { own, others: [other] });
  await list(lv('web', '', ''), lv('web-monday', 'web', ''));
  expect(await remove('web')).toBe('CONFLICT');
  await list(lv('web', '', 'thin'), lv('web-monday', 'web', 'thin'));
  expect(await remove('web')).toBe('done');
});

here('an image that a device backs is found', async () => {
  const folder = await temporaryFolder();
  const image = join(folder, 'clone');
  // Another path of the same device.
  await symlink('/dev/null', join(folder, 'null'));
  const args = ['create', '-q', '-f', 'qcow2', '-F', 'raw', '-u', '-b', '/dev/null', image, '1M'];
  execFileSync('qemu-img', args);
  const places = { folders: [folder], devices: [] };
  expect(await findImageBackedBy('/dev/null', places)).toBe(image);
  expect(await findImageBackedBy('/dev/zero', places)).toBeUndefined();
});

test.each([
  ['/data/a.img', ['/data/a.img']],
  ['file:a b.img', ['a b.img']],
  ['json:{"file.filename": "/a\\"b", "x": {"filename":"c"}}', ['/a"b', 'c']],
  ['json:{"filename": 3, "filename": "\\x"}', []],
  ['json:', []],
  ['', ['']],
])('the backing file name %j has the paths %j', (name, paths) => {
  expect(parseBackingFile(name)).toEqual(paths);
});

here('an image with a backing file or an external data file is refused', async () => {
  const { folder, place } = await host();
  const image = (name: string, ...args: string[]) =>
    execFileSync('qemu-img', ['create', '-q', '-f', 'qcow2', ...args, join(folder, name), '1M']);
  image('backed', '-b', '/etc/passwd', '-F', 'raw', '-u');
  image('external', '-o', `data_file=${folder}/data,data_file_raw=on`);
  for (const name of ['backed', 'external']) {
    await expect(place(name, 'qcow2')).rejects.toThrow(/has a backing file/);
  }
  await writeFile(join(folder, 'short'), 'QFI\u00fb');
  await truncate(join(folder, 'short'), 10);
  await expect(place('short', 'qcow2')).rejects.toThrow(/is not qcow2/);
});

test.each([
  ['../a', VolumeFormat.RAW, MIB, 'INVALID'],
  ['.hidden', VolumeFormat.RAW, MIB, 'INVALID'],
  ['a', VolumeFormat.ISO, MIB, 'INVALID'],
  ['a', VolumeFormat.RAW, 0n, 'INVALID'],
  ['a', VolumeFormat.RAW, MIB + 1n, 'INVALID'],
  ['a', VolumeFormat.RAW, 2n ** 63n, 'INVALID'],
] as const)(
  'a volume %j of format %i and %d bytes is refused',
  async (name, format, size, code) => {
    const { folder, make } = await host();
    expect(await make(name, format, size)).toBe(code);
    expect(await readdir(folder)).toEqual([]);
  },
);

test('disk sources are read from virsh’s list, also names with spaces', () => {
  expect(
    parseSources(' vda      /data/a b.img\n sda      -\n\n hda      /dev/group/lv0\n'),
  ).toEqual(['/data/a b.img', '/dev/group/lv0']);
});
