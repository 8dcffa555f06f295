import { stat } from 'node:fs/promises';
import { selectPackages } from '../../build/base/alpine/repository/select.ts';
import { composeWorld } from '../../build/base/alpine/request.ts';
import { lockFile, readLock } from '../../build/lock/file.ts';
import { loadProfile } from '../../build/profile/load.ts';
import { findSettings } from '../../build/profile/profile.ts';
import { haveAlpine319, realIndex } from '../unit/alpine/alpine-3.19.ts';
import { buildAlpineImage } from '../vm/alpine-image.ts';
import type { Figure } from './measure.ts';

/** An image of a profile on Alpine is to be at most this part of the one on Debian. */
const LIMIT = 0.75;

/**
 * Compares what a profile takes on Alpine with what it takes on Debian. No whole image of real Alpine can be built where
 * no mirror of it is reached, so there are two figures, and neither is quite it: images, of which Alpine's is made from
 * Debian's packages under Alpine's names; and packages as they are published, before the profile drops parts of them.
 * @param image path of the image from Debian
 */
export async function measureSizes(
  project: string,
  profile: string,
  image: string,
): Promise<Figure[]> {
  const alpine = await stat(await buildAlpineImage(profile));
  const debian = await stat(image);
  const built = figure(
    `${profile}: image on Alpine, made from Debian’s packages`,
    [alpine.size, debian.size],
    'says nothing of musl and Alpine’s packages',
  );
  const published = await publishedSizes(project, profile);
  if (published === undefined) return [built];
  const how = 'nothing dropped, no etcd';
  return [built, figure(`${profile}: packages of Alpine 3.19 as published`, published, how)];
}

function figure(what: string, [alpine, debian]: readonly [number, number], how: string): Figure {
  const note = `${megabytes(alpine)} MB, Debian ${megabytes(debian)} MB; ${how}`;
  return { what, value: alpine / debian, limit: LIMIT, unit: '×', note };
}

function megabytes(bytes: number): string {
  return (bytes / 1e6).toFixed(1);
}

/** What Alpine 3.19 has in place of a newer package; of etcd, which it lacks, neither side is counted. */
const OLDER = new Map([
  ['postgresql18', 'postgresql16'],
  ['postgresql18-contrib', 'postgresql16-contrib'],
]);

const isEtcd = (name: string) => /^etcd(?:-|$)/.test(name);

/** Bytes of all packages with the kernel for every machine. */
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
  const locked = readLock(lockFile(project, profile, 'debian'))?.packages ?? [];
  const counted = locked.filter((one) => one.flavour !== 'virt' && !isEtcd(one.name));
  return [
    packages.reduce((sum, { fields }) => sum + Number(fields.get('S')), 0),
    counted.reduce((sum, { size }) => sum + size, 0),
  ];
}
