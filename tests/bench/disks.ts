import { createReadStream } from 'node:fs';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { openBlockDevice } from '../../apps/disk/open-block-device.ts';
import { stage } from '../../apps/update/stage.ts';
import { systemClock } from '../../apps/watch/clock.ts';
import { hashFile } from '../../build/process/hash-file.ts';
import { type LoopDisk, loopDisk } from '../net/world/loop-disk.ts';
import { planOnLoop } from '../net/world/loop-installation.ts';
import { GIB } from '../unit/apps/installer/machines.ts';
import { openOn, releaseOf } from '../unit/apps/update/world.ts';
import { DISK_BYTES, install } from '../unit/disk/installed.ts';
import { MemoryDevice } from '../unit/disk/memory-device.ts';
import { type Figure, median, secondsOf } from './measure.ts';

/** Bytes of a disk: two slots of a large image, configuration and data. */
const LOOP_BYTES = 16 * GIB;

/**
 * Measures an installation of an image and an update with it on loop devices, against `dd` that
 * writes the same bytes to such a disk, flushes them and reads them back without the page cache.
 */
export async function measureDisks(image: string, runs: number): Promise<Figure[]> {
  if (process.getuid?.() !== 0) {
    console.error('Not measured, since only root makes loop devices: installation and update');
    return [];
  }
  const folder = await mkdtemp(join(tmpdir(), 'quantix-bench-'));
  try {
    const { size: bytes } = await stat(image);
    const figures: Figure[] = [];
    for (const sectorSize of [512, 4096]) {
      const what = `install onto a disk of ${sectorSize}-byte sectors`;
      const floor = (path: string) => copyPlainly(image, path, bytes);
      const work = async (path: string) => {
        const { carryOut } = await planOnLoop(path, { image, imageBytes: bytes });
        return await secondsOf(carryOut);
      };
      const disk = { folder, sectorSize };
      figures.push({ what, limit: 1.5, ...(await compare(disk, runs, { work, floor })) });
    }
    const { whole: sha256 } = await hashFile(image, []);
    const work = (path: string) => secondsOfStaging(image, path, { bytes, sha256 });
    const floor = (path: string) => copyPlainly(image, path, bytes);
    const disk = { folder, sectorSize: 512 };
    const what = 'update: write and check';
    figures.push({ what, limit: 1.3, ...(await compare(disk, runs, { work, floor })) });
    return figures;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Measures tasks on new disks in turn. @param works the tasks; each returns the seconds that it took */
async function compare(
  { folder, sectorSize }: { folder: string; sectorSize: number },
  runs: number,
  works: Readonly<Record<'work' | 'floor', (path: string) => Promise<number>>>,
): Promise<Pick<Figure, 'value' | 'unit' | 'note'>> {
  const seconds = { work: [] as number[], floor: [] as number[] };
  for (let run = 0; run < runs; run += 1) {
    for (const name of ['floor', 'work'] as const) {
      using disk: LoopDisk = loopDisk(join(folder, 'disk'), {
        ...{ bytes: LOOP_BYTES, sectorSize, direct: true },
      });
      seconds[name].push(await works[name](disk.path));
    }
  }
  const ratios = seconds.work.map((taken, run) => taken / (seconds.floor[run] ?? Number.NaN));
  const [taken, least] = [median(seconds.work), median(seconds.floor)];
  const note = `${taken.toFixed(1)} s; dd, flushed and read back, ${least.toFixed(1)} s`;
  return { value: median(ratios), unit: '×', note };
}

/** Copies an image with `dd`. @returns the seconds that it took */
async function copyPlainly(image: string, path: string, bytes: number): Promise<number> {
  return await secondsOf(async () => {
    await execa('dd', [`if=${image}`, `of=${path}`, 'bs=4M', 'conv=fsync']);
    const range = [`count=${bytes}`, 'iflag=direct,count_bytes'];
    await execa('dd', [`if=${path}`, 'of=/dev/null', 'bs=4M', ...range]);
  });
}

/** Writes an image into a slot as `qx-update` does. @returns the seconds that it took */
async function secondsOfStaging(
  image: string,
  path: string,
  { bytes, sha256 }: { bytes: number; sha256: string },
): Promise<number> {
  const accepted = releaseOf(Buffer.alloc(1), {
    image: { path: `images/${sha256}.iso`, bytes, sha256 },
  });
  const disk = new MemoryDevice(DISK_BYTES, 512);
  const { efi } = openOn(disk, await install(disk), 'a');
  await using slot = await openBlockDevice(path, { write: true });
  return await secondsOf(() =>
    stage({
      target: { efi, slot },
      accepted,
      source: {
        name: image,
        openImage: (_release, { offset }) =>
          createReadStream(image, { start: offset, highWaterMark: 1024 * 1024 }),
      },
      clock: systemClock,
      signal: new AbortController().signal,
    }),
  );
}
