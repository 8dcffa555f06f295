import { rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { copy } from 'fs-extra/esm';
import { selectPackages } from '../../build/base/alpine/repository/select.ts';
import { composeWorld } from '../../build/base/alpine/request.ts';
import { lockFile, readLock } from '../../build/lock/file.ts';
import { loadProfile } from '../../build/profile/load.ts';
import { findSettings } from '../../build/profile/profile.ts';
import { openWorkshop } from '../build/workshop.ts';
import { haveAlpine319, realIndex } from '../unit/alpine/alpine-3.19.ts';
import { alpineWorkshop, buildAlpineImage } from '../vm/alpine-image.ts';
import { type Figure, median, secondsOf } from './measure.ts';

/** Largest size of an image from Alpine, as a share of the one from Debian. */
const LIMIT = 0.75;

/** Longest time of a build from Alpine, as a multiple of one from Debian. */
const TIME_LIMIT = 1.1;

/**
 * Compares the build times of a profile's image from Alpine and from Debian, with existing locks and opened packages,
 * but without built results. Alpine's packages are Debian's under Alpine's names.
 */
async function measureTimes(profile: string, runs: number): Promise<Figure> {
  await using workshop = await openWorkshop();
  const alpine = alpineWorkshop(profile);
  const lock = `profiles/${profile}.alpine.x86_64.lock.json`;
  await copy(join(alpine.project, lock), join(workshop.directory, lock));
  const seconds = async (base: string, cache: string) => {
    await rm(join(cache, 'steps'), { recursive: true, force: true });
    await rm(join(workshop.directory, 'dist'), { recursive: true, force: true });
    return await secondsOf(async () => {
      const args = ['iso', '--profile', profile, '--base', base, '--frozen-lock', '--offline'];
      const { exitCode, stderr } = await workshop.run(args, { env: { QUANTIX_CACHE: cache } });
      if (exitCode !== 0) throw new Error(`the build failed: ${stderr}`);
    });
  };
  const [onAlpine, onDebian]: [number[], number[]] = [[], []];
  for (let run = 0; run < runs; run += 1) {
    onAlpine.push(await seconds('alpine', alpine.cache));
    onDebian.push(await seconds('debian', workshop.cache.root));
  }
  const [mine, other] = [median(onAlpine), median(onDebian)];
  return {
    what: `${profile}: building on Alpine, to Debian`,
    value: mine / other,
    limit: TIME_LIMIT,
    unit: '×',
    note: `${mine.toFixed(2)} s, Debian ${other.toFixed(2)} s; made from Debian’s packages`,
  };
}

/**
 * Compares a profile's sizes and build times from Alpine and from Debian. Without a mirror of Alpine, no whole image of
 * real Alpine can be built, so there are two figures for the sizes, both approximate: of images, where Alpine's is made
 * from Debian's packages under Alpine's names; and of packages as published, before the profile drops parts of them.
 * @param image path of the image from Debian
 */
export async function measureBases(
  project: string,
  profile: string,
  { image, runs }: { image: string; runs: number },
): Promise<Figure[]> {
  const alpine = await stat(await buildAlpineImage(profile));
  const debian = await stat(image);
  const built = figure(
    `${profile}: image on Alpine, made from Debian’s packages`,
    [alpine.size, debian.size],
    'says nothing of musl and Alpine’s packages',
  );
  const times = await measureTimes(profile, runs);
  const published = await publishedSizes(project, profile);
  if (published === undefined) return [built, times];
  const how = 'nothing dropped, no etcd';
  return [built, times, figure(`${profile}: packages of Alpine 3.19 as published`, published, how)];
}

function figure(what: string, [alpine, debian]: readonly [number, number], how: string): Figure {
  const note = `${megabytes(alpine)} MB, Debian ${megabytes(debian)} MB; ${how}`;
  return { what, value: alpine / debian, limit: LIMIT, unit: '×', note };
}

function megabytes(bytes: number): string {
  return (bytes / 1e6).toFixed(1);
}

/** Newer packages → those of Alpine 3.19 that replace them. Alpine 3.19 has no etcd, so neither side counts it. */
const OLDER = new Map([
  ['postgresql18', 'postgresql16'],
  ['postgresql18-contrib', 'postgresql16-contrib'],
]);

const isEtcd = (name: string) => /^etcd(?:-|$)/.test(name);

/** Returns the bytes of all packages with the kernel flavour `full`. */
async function publishedSizes(
  project: string,
  name: string,
): Promise<readonly [alpine: number, debian: number] | undefined> {
  if (!haveAlpine319) return undefined;
  const profile = await loadProfile(project, name);
  const repositories = (['main', 'community'] as const).map((repository) => ({
    ...realIndex(repository),
    url: `https://mirror.invalid/${repository}`,
    tag: '',
  }));
  const world = composeWorld(findSettings(profile, 'alpine'), 'full');
  const wanted = world.filter((one) => !isEtcd(one)).map((one) => OLDER.get(one) ?? one);
  const { packages } = selectPackages({ repositories, wanted, architecture: 'x86_64' });
  const locked = readLock(lockFile(profile, 'debian'))?.packages ?? [];
  const counted = locked.filter((one) => one.flavour !== 'virt' && !isEtcd(one.name));
  return [
    packages.reduce((sum, { fields }) => sum + Number(fields.get('S')), 0),
    counted.reduce((sum, { size }) => sum + size, 0),
  ];
}
