import { resolve } from 'node:path';
import { execa } from 'execa';
import { z } from 'zod';
import { formatTable } from '../../tasks/ui/format.ts';
import { measureApk } from './apk.ts';
import { measureBases } from './bases.ts';
import { measureBoots, measureInstalledBoots, measureMemory } from './boots.ts';
import { measureBuilds, measureTogether } from './builds.ts';
import { measureCommands } from './commands.ts';
import { measureConsole } from './console.ts';
import { measureDatabase } from './database.ts';
import { measureDisks } from './disks.ts';
import { measureFleet } from './fleet.ts';
import { measureIdle } from './idle.ts';
import { type Figure, isWithin } from './measure.ts';
import { measureNetwork } from './network.ts';
import { measurePrograms } from './programs.ts';
import { measureReleases } from './releases.ts';
import { measureRemoteCache } from './remote-cache.ts';

const PROJECT = resolve(import.meta.dirname, '../..');
/** Label of the disk on which QvDC keeps its databases. */
const QVDC_DATA = 'QVDC-DATA';
const RUNS = Number(process.env.RUNS ?? 5);

const builtSchema = z.object({ event: z.literal('built'), image: z.string(), file: z.string() });

/**
 * The parts of `make bench`, which prints figures next to their limits. A figure over its limit does not make the run
 * fail. `PARTS=builds,boots` measures these parts alone.
 */
const PARTS: Record<string, () => AsyncGenerator<Figure[]>> = {
  async *apk() {
    yield await measureApk(RUNS);
  },
  async *network() {
    yield await measureNetwork(RUNS);
  },
  async *programs() {
    yield await measurePrograms(PROJECT, RUNS);
  },
  async *commands() {
    yield await measureCommands(RUNS);
  },
  async *console() {
    yield await measureConsole(RUNS);
  },
  async *database() {
    yield await measureDatabase(RUNS);
  },
  async *builds() {
    for (const profile of profiles) yield await measureBuilds(profile, RUNS);
    yield await measureTogether(profiles, RUNS);
  },
  async *releases() {
    yield await measureReleases(profiles, RUNS);
  },
  async *'remote-cache'() {
    for (const profile of profiles) yield await measureRemoteCache(profile, RUNS);
  },
  async *bases() {
    for (const { image, file } of images) {
      yield await measureBases(PROJECT, image, { image: file, runs: RUNS });
    }
  },
  async *boots() {
    for (const { image, file, dataLabel } of images) {
      yield await measureBoots(image, file, { runs: RUNS, dataLabel });
      yield [await measureInstalledBoots(image, file, { runs: RUNS, dataLabel })];
      if (dataLabel !== undefined) yield [await measureMemory(image, file, dataLabel)];
    }
  },
  async *idle() {
    for (const { file } of hosts) yield await measureIdle(file);
  },
  async *disks() {
    for (const { file } of hosts) yield await measureDisks(file, RUNS);
  },
  async *fleet() {
    yield await measureFleet(PROJECT);
  },
};

const wanted = process.env.PARTS?.split(',') ?? Object.keys(PARTS);
const unknown = wanted.filter((part) => PARTS[part] === undefined);
if (unknown.length > 0) {
  console.error(`PARTS: there is no ${unknown.join(', ')}; use ${Object.keys(PARTS).join(', ')}`);
  process.exit(2);
}

const { stdout } = await execa(process.execPath, ['tasks/qx-build.ts', 'iso', '--json'], {
  cwd: PROJECT,
});
const images = stdout
  .split('\n')
  .map((line) => builtSchema.safeParse(JSON.parse(line)).data)
  .filter((image) => image !== undefined)
  .map((image) => ({ ...image, dataLabel: image.image === 'qvdc' ? QVDC_DATA : undefined }));
const profiles = images.map(({ image }) => image);
const hosts = images.filter(({ image }) => image === 'quantix-os');

const rows: string[][] = [];
const failed: string[] = [];
for (const part of wanted) {
  try {
    for await (const figures of PARTS[part]?.() ?? []) {
      rows.push(...figures.map(rowOf));
      // A bench takes long: each figure is printed at once, and again in the table.
      for (const row of figures.map(rowOf)) console.error(row.join('  '));
    }
  } catch (error) {
    failed.push(part);
    console.error(`${part} could not be measured:`, error);
  }
}
console.log(`Medians of ${RUNS} runs\n`);
console.log(formatTable([['What', 'Median', 'Limit', '', ''], ...rows]));
if (failed.length > 0) {
  console.error(`Not measured: ${failed.join(', ')}`);
  process.exitCode = 1;
}

function rowOf(figure: Figure): string[] {
  const { what, value, limit, unit, note = '' } = figure;
  return [
    what,
    `${value.toFixed(2)} ${unit}`,
    `${limit} ${unit}`,
    isWithin(figure) ? 'within' : 'OVER',
    note,
  ];
}
