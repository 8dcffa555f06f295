import { resolve } from 'node:path';
import { execa } from 'execa';
import { z } from 'zod';
import { formatTable } from '../../tasks/ui/format.ts';
import { measureApk } from './apk.ts';
import { measureBases } from './bases.ts';
import { measureBoots, measureInstalledBoots, measureMemory } from './boots.ts';
import { measureBuilds, measureTogether } from './builds.ts';
import { measureCommands } from './commands.ts';
import { measureDatabase } from './database.ts';
import { measureDisks } from './disks.ts';
import { measureFleet } from './fleet.ts';
import { measureIdle } from './idle.ts';
import { type Figure, isWithin } from './measure.ts';
import { measureNetwork } from './network.ts';
import { measurePrograms } from './programs.ts';
import { measureRemoteCache } from './remote-cache.ts';

const PROJECT = resolve(import.meta.dirname, '../..');
/** Label of the disk on which QvDC keeps its databases. */
const QVDC_DATA = 'QVDC-DATA';
const RUNS = Number(process.env.RUNS ?? 5);

const builtSchema = z.object({ event: z.literal('built'), image: z.string(), file: z.string() });

/** `make bench`: builds and boots, as medians next to their limits. A figure over its limit fails nothing. */
const { stdout } = await execa(process.execPath, ['tasks/qx-build.ts', 'iso', '--json'], {
  cwd: PROJECT,
});
const images = stdout
  .split('\n')
  .map((line) => builtSchema.safeParse(JSON.parse(line)).data)
  .filter((image) => image !== undefined);
const figures: Figure[] = [
  ...(await measureApk(RUNS)),
  ...(await measureNetwork(RUNS)),
  ...(await measurePrograms(PROJECT, RUNS)),
  ...(await measureCommands(RUNS)),
  ...(await measureDatabase(RUNS)),
  ...(await measureFleet()),
];
const profiles = images.map(({ image }) => image);
for (const profile of profiles) {
  figures.push(...(await measureBuilds(profile, RUNS)));
  figures.push(...(await measureRemoteCache(profile, RUNS)));
}
figures.push(...(await measureTogether(profiles, RUNS)));
for (const { image, file } of images) {
  figures.push(...(await measureBases(PROJECT, image, { image: file, runs: RUNS })));
  const dataLabel = image === 'qvdc' ? QVDC_DATA : undefined;
  figures.push(...(await measureBoots(image, file, { runs: RUNS, dataLabel })));
  figures.push(await measureInstalledBoots(image, file, { runs: RUNS, dataLabel }));
  if (dataLabel !== undefined) figures.push(await measureMemory(image, file, dataLabel));
}
for (const { file } of images.filter(({ image }) => image === 'quantix-os')) {
  figures.push(...(await measureIdle(file)), ...(await measureDisks(file, RUNS)));
}
const rows = figures.map((figure) => {
  const { what, value, limit, unit, note = '' } = figure;
  return [
    what,
    `${value.toFixed(2)} ${unit}`,
    `${limit} ${unit}`,
    isWithin(figure) ? 'within' : 'OVER',
    note,
  ];
});
console.log(`Medians of ${RUNS} runs\n`);
console.log(formatTable([['What', 'Median', 'Limit', '', ''], ...rows]));
