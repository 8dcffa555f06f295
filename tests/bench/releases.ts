import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { $ } from 'zx';
import { ARCHITECTURES, DEFAULT_ARCHITECTURE } from '../../build/architecture.ts';
import { chooseSmallest, makeSquashfsCommand } from '../../build/image/squashfs.ts';
import { makeIsolatedEnvironment } from '../../build/process/environment.ts';
import { commitProject } from '../build/small-release.ts';
import { openWorkshop, type Workshop } from '../build/workshop.ts';
import { buildOnce, forgetAll } from './builds.ts';
import { compareTaken, type Figure, median, type Taken, takenBy } from './measure.ts';

const releasedSchema = z.object({
  event: z.literal('released'),
  kept: z.number(),
  peak: z.number(),
});

/**
 * Measures a release of all profiles in all formats, with cached packages, against its floor: the compressor alone, with
 * the settings of a release, on the tar of each root filesystem.
 */
export async function measureReleases(
  profiles: readonly string[],
  runs: number,
): Promise<Figure[]> {
  await using workshop = await openWorkshop();
  await commitProject(workshop.directory);
  const tars = await writeTars(workshop, profiles);
  const taken: Taken[] = [];
  const floors: Taken[] = [];
  const peaks: number[] = [];
  for (let run = 0; run < runs; run += 1) {
    floors.push(await takenBy(() => compress(workshop, tars)));
    await forgetAll(workshop);
    taken.push(await takenBy(async () => peaks.push(await release(workshop))));
  }
  return [
    compareTaken('release of all formats', {
      taken,
      floors,
      floor: 'mksquashfs alone',
      limit: 1.3,
    }),
    {
      what: 'release: most of the disk that its folder had, to what is kept',
      value: median(peaks),
      limit: 2.5,
      unit: '×',
    },
  ];
}

/** Makes a release. @returns the largest disk usage of its folder, as a multiple of the finished files */
async function release(workshop: Workshop): Promise<number> {
  const { exitCode, stdout, stderr } = await workshop.run(['release', '--json']);
  if (exitCode !== 0) throw new Error(`the release failed: ${stderr}`);
  const released = stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => releasedSchema.safeParse(JSON.parse(line)).data)
    .find((event) => event !== undefined);
  if (released === undefined) throw new Error('the release does not say what it made');
  return released.peak / released.kept;
}

/** Writes the tar of each root filesystem of a release outside the folder of built images. @returns their paths */
async function writeTars(workshop: Workshop, profiles: readonly string[]): Promise<string[]> {
  const folder = join(workshop.directory, '../tars');
  for (const profile of profiles) {
    await buildOnce(workshop, ['rootfs', '--profile', profile, '--release', '--output', folder]);
  }
  const names = await readdir(folder);
  return names.filter((name) => name.endsWith('.tar')).map((name) => join(folder, name));
}

async function compress(workshop: Workshop, tars: readonly string[]): Promise<void> {
  const squashfs = join(workshop.directory, '../floor.squashfs');
  const mksquashfs = makeSquashfsCommand(
    squashfs,
    chooseSmallest(ARCHITECTURES[DEFAULT_ARCHITECTURE]),
  );
  const shell = $({ env: makeIsolatedEnvironment(), quiet: true });
  for (const tar of tars) {
    await rm(squashfs, { force: true });
    await shell`cat ${tar} | ${mksquashfs}`;
  }
}
