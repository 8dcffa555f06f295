import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { copy, move } from 'fs-extra/esm';
import { $ } from 'zx';
import { DEFAULT_ARCHITECTURE } from '../../build/architecture.ts';
import { BIOS_IMAGE, ESP_IMAGE, HYBRID_BOOT_SECTOR } from '../../build/image/boot-loader.ts';
import { INITRAMFS_PATH, KERNEL_PATH } from '../../build/image/grub-model.ts';
import { INITRAMFS_FILE, KERNEL_FILE } from '../../build/image/initramfs.ts';
import { type IsoRequest, makeIsoArguments } from '../../build/image/iso.ts';
import { type PreparedImage, prepareImage } from '../../build/image/prepare.ts';
import { assembleRootfs, readRootfs } from '../../build/image/rootfs.ts';
import { makeSquashfsCommand } from '../../build/image/squashfs.ts';

import { makeIsolatedEnvironment } from '../../build/process/environment.ts';

import { verifySquashfs } from '../../build/readback/squashfs/verify.ts';
import { StepCache } from '../../build/step/cache.ts';
import type { Step } from '../../build/step/step.ts';
import { ContentReader } from '../../build/tree/content.ts';
import type { Entry } from '../../build/tree/entry.ts';
import { ImageBuild } from '../../tasks/image-build.ts';
import { openWorkshop, type Workshop } from '../build/workshop.ts';
import { type Figure, median, secondsOf } from './measure.ts';

/** Makes the Node process print its peak resident memory, in kB, at its end. */
const TELL_MEMORY = `--import=data:text/javascript,${encodeURIComponent(
  'process.on("exit",()=>process.stderr.write("maxrss "+process.resourceUsage().maxRSS+"\\n"))',
)}`;

/**
 * Measures builds of two profiles: one build of both when nothing has changed, and builds by two processes at the same
 * time. The latter are compared with the longer of the two builds when it runs alone.
 */
export async function measureTogether(
  profiles: readonly string[],
  runs: number,
): Promise<Figure[]> {
  await using workshop = await openWorkshop();
  const build = (profile: string) => buildOnce(workshop, ['iso', '--profile', profile]);
  const buildAll = async () => void (await Promise.all(profiles.map(build)));
  const alone = new Map<string, number[]>(profiles.map((profile) => [profile, []]));
  const together: number[] = [];
  const nothing: number[] = [];
  await buildAll();
  for (let run = 0; run < runs; run += 1) {
    for (const [profile, figures] of alone) {
      await forgetAll(workshop);
      figures.push(await secondsOf(() => build(profile)));
    }
    await forgetAll(workshop);
    together.push(await secondsOf(buildAll));
    nothing.push(await secondsOf(() => buildOnce(workshop, ['iso'])));
  }
  const longest = Math.max(...[...alone.values()].map(median));
  const note = `${median(together).toFixed(2)} s, the longer one alone ${longest.toFixed(2)} s`;
  return [
    { what: 'all profiles: nothing changed', value: median(nothing), limit: 0.4, unit: 's' },
    {
      what: 'two profiles at once, cold',
      value: median(together) / longest,
      limit: 1.2,
      unit: '×',
      note,
    },
  ];
}

/** Removes all results from the cache. Downloads and opened packages stay. */
export async function forgetAll({ cache, directory }: Workshop): Promise<void> {
  await rm(cache.steps, { recursive: true });
  // The folder does not exist if all built files went elsewhere.
  await rm(join(directory, 'dist'), { recursive: true, force: true });
}

/** Measures the builds of one profile against the floor: the compressor and the ISO writer by themselves. */
export async function measureBuilds(profile: string, runs: number): Promise<Figure[]> {
  await using workshop = await openWorkshop();
  const build = () => buildOnce(workshop, ['iso', '--profile', profile]);
  await build();
  const floor = await prepareFloor(workshop, profile);
  const cold: number[] = [];
  const floors: number[] = [];
  const changed: number[] = [];
  const readBack: number[] = [];
  const memory: number[] = [];
  for (let run = 0; run < runs; run += 1) {
    floors.push(await secondsOf(floor.write));
    await forgetAll(workshop);
    cold.push(await secondsOf(async () => memory.push(await build())));
    readBack.push(await secondsOf(floor.readBack));
    const motd = join(workshop.directory, 'overlay', profile, 'etc/motd');
    await writeFile(motd, `run ${run}\n`);
    changed.push(await secondsOf(build));
  }
  const base = median(floors);
  const ratio = (figures: number[]) => median(figures) / base;
  const times = (figures: number[]) =>
    `${median(figures).toFixed(2)} s, floor ${base.toFixed(2)} s`;
  return [
    {
      what: `${profile}: cold build`,
      value: ratio(cold),
      limit: 1.5,
      unit: '×',
      note: times(cold),
    },
    {
      what: `${profile}: one overlay file changed`,
      value: ratio(changed),
      limit: 1.2,
      unit: '×',
      note: times(changed),
    },
    {
      what: `${profile}: reading the root file system back, by itself`,
      value: (100 * median(readBack)) / median(cold),
      limit: 5,
      unit: '%',
      note: `${median(readBack).toFixed(2)} s of a cold build, beside it in a thread`,
    },
    {
      what: `${profile}: peak memory of Node`,
      value: median(memory) / 1000,
      limit: 300,
      unit: 'MB',
    },
  ];
}

/** Runs a build. @returns the peak resident memory of the Node process, in kB @throws Error if the build fails */
export async function buildOnce(
  workshop: Workshop,
  args: readonly string[],
  variables: Record<string, string> = {},
): Promise<number> {
  const env = { NODE_OPTIONS: TELL_MEMORY, ...variables };
  const { exitCode, stderr } = await workshop.run(args, { env });
  if (exitCode !== 0) throw new Error(`the build failed: ${stderr}`);
  return Number(/maxrss (\d+)/.exec(stderr)?.[1]);
}

/**
 * Prepares the floor of a build.
 * @returns `write` runs mksquashfs on the finished tar of the same tree, and then xorriso, both with the options of a
 *   build; `readBack` reads the squashfs back
 */
async function prepareFloor(
  workshop: Workshop,
  profile: string,
): Promise<{ write: () => Promise<void>; readBack: () => Promise<void> }> {
  await buildOnce(workshop, ['rootfs', '--profile', profile]);
  const image = await prepareImage(profile, {
    projectDirectory: workshop.directory,
    cache: workshop.cache,
    outputDirectory: 'dist',
    base: 'auto',
    architecture: DEFAULT_ARCHITECTURE,
    release: false,
    say: () => undefined,
  });
  const { facts, plan } = image;
  const tar = join(workshop.directory, 'floor.tar');
  await move(image.file.replace(/\.iso$/, '-rootfs.tar'), tar);
  const epoch = String(facts.lock.sourceDateEpoch);
  const squashfs = join(workshop.directory, 'floor.squashfs');
  const iso = join(workshop.directory, 'floor.iso');
  const floorFiles = join(workshop.directory, 'floor');
  const steps = new StepCache(workshop.cache.steps);
  const made = async (step: Step) => (await steps.find(step))?.directory ?? '';
  const request: IsoRequest = {
    volumeId: facts.profile.volumeId,
    files: {
      [KERNEL_PATH]: join(floorFiles, KERNEL_FILE),
      [INITRAMFS_PATH]: join(floorFiles, INITRAMFS_FILE),
      '/quantix/system.squashfs': squashfs,
    },
    bios: {
      image: join(floorFiles, BIOS_IMAGE),
      bootSector: join(floorFiles, HYBRID_BOOT_SECTOR),
    },
    espImage: join(floorFiles, ESP_IMAGE),
    epoch: facts.lock.sourceDateEpoch,
  };
  await copy(await made(plan.initramfs), floorFiles);
  await copy(await made(plan.bootLoader), floorFiles);
  const mksquashfs = makeSquashfsCommand(squashfs, facts.compression);
  const shell = $({ env: { ...makeIsolatedEnvironment(), SOURCE_DATE_EPOCH: epoch }, quiet: true });
  const write = async () => {
    await Promise.all([rm(squashfs, { force: true }), rm(iso, { force: true })]);
    await shell`cat ${tar} | ${mksquashfs}`;
    await shell`xorriso ${makeIsoArguments(iso, request)}`;
  };
  await write();
  const meant = { entries: await rootfsEntries(image), epoch: facts.lock.sourceDateEpoch };
  return { write, readBack: () => verifySquashfs(squashfs, meant) };
}

/** Reads the root filesystem of an image. */
async function rootfsEntries(image: PreparedImage): Promise<Entry[]> {
  const report = { say: () => undefined, progress: () => undefined };
  const build = new ImageBuild(image);
  await build.fetch(report);
  const { facts, plan } = build.image;
  if (plan.sea !== undefined) await build.make(plan.sea, report);
  using reader = new ContentReader();
  const inputs = readRootfs({ ...facts, sea: plan.sea });
  return assembleRootfs(inputs, build.work(report), reader).entries();
}
