import { appendFile, mkdir, open, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { parseMediumFiles } from '../../build/disk/medium-files.ts';
import { makeMediumPaths } from '../../build/disk/medium-paths.ts';
import { KERNEL_PATH } from '../../build/image/grub-model.ts';
import { ISO_BLOCK, reportIso } from '../../build/image/iso-report.ts';
import { readManifest } from './manifest.ts';
import { mostAtOnce, stepsDone } from './stages.ts';
import { type Outcome, openWorkshop, type Workshop } from './workshop.ts';

/** Paths on the medium. */
const PATHS = makeMediumPaths('quantix');

const ISO = ['iso', '--json', '--profile', 'qvdc'];
let workshop: Workshop;
let firstBuild: Outcome;
/** A build with `--jobs 1` that compresses the root filesystem. */
let oneJob: Outcome;

beforeAll(async () => {
  workshop = await openWorkshop();
  firstBuild = await workshop.run(ISO);
  return () => workshop[Symbol.asyncDispose]();
});

test('a first build does every step', () => {
  expect(firstBuild.stderr).toBe('');
  const steps = ['boot-loader', 'documents', 'initramfs', 'iso', 'sea', 'squashfs', 'verity'];
  expect(stepsDone(firstBuild)).toEqual(steps);
});

test('a second build runs no step and reports that the image is up to date', async () => {
  const again = await workshop.run(ISO);
  expect(again.stdout).toContain('up to date');
  expect(again.built.get('qvdc')).toMatchObject({ upToDate: true });
  expect(stepsDone(again)).toEqual([]);
});

describe('qemu', () => {
  /** Makes a program in place of QEMU. @returns a function that runs `qx-build qemu` and returns QEMU's arguments */
  async function recordQemu(): Promise<(options: readonly string[]) => Promise<string[]>> {
    const folder = join(workshop.directory, 'stand-in');
    const [program, noted] = [join(folder, 'qemu-system-x86_64'), join(folder, 'arguments')];
    await mkdir(folder, { recursive: true });
    await writeFile(program, `#!/bin/sh\nprintf '%s\\n' "$@" >'${noted}'\n`, { mode: 0o755 });
    const env = { PATH: `${folder}:${process.env.PATH}`, QUANTIX_QEMU_ACCEL: 'tcg' };
    return async (options) => {
      const ran = await workshop.run(['qemu', '--profile', 'qvdc', ...options], { env });
      expect([ran.exitCode, ran.stderr]).toEqual([0, '']);
      return (await readFile(noted, 'utf8')).split('\n');
    };
  }

  test('boots the ISO with the requested CPUs, memory, ports and persistent disks', async () => {
    const boot = await recordQemu();
    const disk = join(workshop.directory, 'dist/disks/qvdc/data.qcow2');
    const forward = ['--forward', '8443:443', '--forward', '2222:22'];
    const first = await boot(['--cpus', '3', '--memory', '700', '--disk', 'data=1G', ...forward]);
    const text = first.join(' ');
    expect(first).toEqual(expect.arrayContaining(['-smp', '3', '-m']));
    expect(text).toMatch(/ -m 700M? /);
    expect(text).toContain('hostfwd=tcp:127.0.0.1:8443-10.0.2.15:443');
    expect(text).toContain('hostfwd=tcp:127.0.0.1:2222-10.0.2.15:22');
    expect(text).toContain(firstBuild.built.get('qvdc')?.file);
    expect(text).toContain(disk);
    await appendFile(disk, 'written by the guest');
    const { size } = await stat(disk);
    expect((await boot(['--disk', 'data'])).join(' ')).toContain(disk);
    expect((await stat(disk)).size).toBe(size);
  });

  test('puts guests of different names on one network, each with its own disks and address', async () => {
    const boot = await recordQemu();
    const start = async (name: string) => {
      const options = ['--network', 'lab', '--name', name, '--disk', 'data=1G'];
      const text = (await boot(options)).join(' ');
      expect(text).toContain(join(workshop.directory, 'dist/disks', name, 'data.qcow2'));
      return { network: /mcast=\S+/.exec(text)?.[0], cards: text.match(/mac=[0-9a-f:]+/g) ?? [] };
    };
    const [one, two] = [await start('one'), await start('two')];
    expect(one.network).toMatch(/^mcast=/);
    expect(two.network).toBe(one.network);
    expect(new Set([...one.cards, ...two.cards]).size).toBe(4);
  });
});

test('an ISO lists its files as sha256sum(1) does, the root filesystem among them', async () => {
  const file = firstBuild.built.get('qvdc')?.file ?? '';
  const { files } = readManifest(file);
  const place = (await reportIso(file)).files.find(({ path }) => path === PATHS.list);
  if (place === undefined) throw new Error(`it has no ${PATHS.list}`);
  await using iso = await open(file);
  const { buffer } = await iso.read(
    Buffer.alloc(place.size),
    0,
    place.size,
    place.block * ISO_BLOCK,
  );
  const { [PATHS.list]: _list, ...listed } = files;
  expect(Object.fromEntries(parseMediumFiles(buffer.toString(), PATHS.list))).toEqual(listed);
  expect(Object.keys(listed)).toEqual(expect.arrayContaining([KERNEL_PATH, PATHS.system]));
});

test('an ISO that was deleted is written again from the cache', async () => {
  await rm(firstBuild.built.get('qvdc')?.file ?? '');
  const again = await workshop.run(ISO);
  expect(stepsDone(again)).toEqual(['documents', 'iso']);
  expect(again.built.get('qvdc')?.sha256).toBe(firstBuild.built.get('qvdc')?.sha256);
});

test('a modified ISO is written again, and tools that differ from those in its manifest are reported', async () => {
  const file = firstBuild.built.get('qvdc')?.file ?? '';
  await appendFile(file, 'x');
  const manifest = `${file}.manifest.json`;
  const text = await readFile(manifest, 'utf8');
  await writeFile(manifest, text.replace(/"xorriso": ".*"/, '"xorriso": "0.1"'));
  const again = await workshop.run(ISO);
  expect(again.stdout).toMatch(/was made with other tools.* xorriso 0\.1 → \d/);
  expect(await readFile(manifest, 'utf8')).toContain(/"xorriso": ".*"/.exec(text)?.[0]);
  expect(again.built.get('qvdc')).toMatchObject({ upToDate: false });
  expect(again.built.get('qvdc')?.sha256).toBe(firstBuild.built.get('qvdc')?.sha256);
});

test('explain names a changed overlay file, qemu refuses the outdated image, and only dependent steps run again', async () => {
  await writeFile(join(workshop.directory, 'overlay/qvdc/etc/motd'), 'changed\n');
  const { stdout } = await workshop.run(['explain', '--profile', 'qvdc']);
  expect(stdout).toContain('qvdc squashfs: runs\n  + overlay qvdc/etc/motd\n');
  expect(stdout).toContain('qvdc initramfs: stays');
  const boot = await workshop.run(['qemu', '--profile', 'qvdc']);
  expect([boot.exitCode, boot.stderr]).toEqual([
    1,
    expect.stringContaining('not built from these sources'),
  ]);
  const again = await workshop.run([...ISO, '--jobs', '1']);
  expect(stepsDone(again)).toEqual(['boot-loader', 'documents', 'iso', 'squashfs', 'verity']);
  oneJob = again;
  expect(again.built.get('qvdc')?.sha256).not.toBe(firstBuild.built.get('qvdc')?.sha256);
});

test('--jobs 1 runs one stage at a time and mksquashfs with one thread; without it several run at once', async () => {
  expect(mostAtOnce(oneJob)).toBe(1);
  expect(mostAtOnce(firstBuild)).toBeGreaterThan(1);
  const logs = await Promise.all(
    (await readdir(workshop.cache.logs)).map((name) =>
      readFile(join(workshop.cache.logs, name), 'utf8'),
    ),
  );
  const runs = logs.flatMap((log) => log.match(/^\S+ \[\d+\] .*\bmksquashfs - .*$/gm) ?? []);
  expect(runs.filter((line) => line.includes(' -processors 1 '))).toHaveLength(1);
  expect(runs.filter((line) => !line.includes(' -processors '))).not.toEqual([]);
});

test('a change of the initramfs leaves the root filesystem alone', async () => {
  await appendFile(join(workshop.directory, 'overlay/initramfs/init'), '# changed\n');
  expect(stepsDone(await workshop.run(ISO))).toEqual([
    'boot-loader',
    'documents',
    'initramfs',
    'iso',
    'verity',
  ]);
});

test('after a change of the builder the steps that contain the changed code run again', async () => {
  await appendFile(join(workshop.directory, 'build/image/esp.ts'), '\n// changed\n');
  expect(stepsDone(await workshop.run(ISO))).toEqual(['boot-loader', 'documents', 'iso']);
});

test('a result in the cache with a missing file is made again', async () => {
  await rm(workshop.cache.images, { recursive: true });
  await rm(join(workshop.cache.steps, 'initramfs'), { recursive: true });
  expect(stepsDone(await workshop.run(ISO))).toEqual(['documents', 'initramfs', 'iso']);
});
