import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { cacheDirectory } from '../../build/cache/directory.ts';
import { mirrorFromAlpine } from '../alpine-mirror/from-alpine.ts';
import { mirrorFromDebian } from '../alpine-mirror/from-debian.ts';
import { serve } from '../alpine-mirror/serve.ts';
import { NOT_SMALL, smallProfile } from '../alpine-mirror/small-profile.ts';
import { copyProject } from '../build/workshop.ts';
import { PROJECT, parseBuilt } from './build-images.ts';

const OUTPUT = join(PROJECT, 'dist/tests/alpine');

/**
 * Returns the folders in which the Alpine image of a profile is built: a copy of the project, with its lock, and a
 * cache.
 */
export function alpineWorkshop(profile: string): { project: string; cache: string } {
  const place = join(OUTPUT, profile);
  return { project: join(place, 'project'), cache: join(place, 'cache') };
}

/**
 * Builds the image of a profile on the Alpine base as a user would, from a mirror made of Debian's packages and served
 * on loopback.
 * @returns path of the ISO
 */
export async function buildAlpineImage(profile: string): Promise<string> {
  const { cache } = alpineWorkshop(profile);
  const place = join(OUTPUT, profile);
  const { folder, keys, reused } = await mirrorFromDebian({
    profile,
    folder: join(place, 'mirror'),
    projectDirectory: PROJECT,
    cache: cacheDirectory(),
  });
  if (!reused) await rm(cache, { recursive: true, force: true });
  const project = await projectIn(place);
  return build(profile, { project, cache, mirror: folder, keys });
}

/**
 * Builds an image of the small profile, as a user would, from a mirror of real packages of Alpine.
 * @param options further options of `qx-build iso`
 * @returns path of the ISO, or what is missing to build it
 */
export async function buildRealAlpineImage(
  ...options: readonly string[]
): Promise<string | { lacking: string }> {
  const place = join(OUTPUT, 'real');
  const made = await mirrorFromAlpine(join(place, 'mirror'), {
    projectDirectory: PROJECT,
    cache: cacheDirectory(),
  });
  if ('lacking' in made) return made;
  const project = await projectIn(place);
  for (const path of NOT_SMALL) await rm(join(project, path));
  const text = `export default ${JSON.stringify(smallProfile)};\n`;
  await writeFile(join(project, `profiles/${smallProfile.name}.ts`), text);
  const cache = join(place, 'cache');
  const { folder: mirror, keys } = made;
  return build(smallProfile.name, {
    ...{ project, cache, mirror, keys },
    options: ['--flavour', 'virt', ...options],
  });
}

/** A fresh copy of the project. @returns its folder */
async function projectIn(place: string): Promise<string> {
  const project = join(place, 'project');
  await rm(project, { recursive: true, force: true });
  await copyProject(project);
  return project;
}

/** Parameters of a build. */
interface Building {
  project: string;
  /** A separate cache: nothing else can use the downloads and results of this build. */
  cache: string;
  /** Folder of the mirror. */
  mirror: string;
  keys: string;
  /** Further options of `qx-build iso`. */
  options?: readonly string[];
}

/**
 * Runs what `make lock BASE=alpine && make iso BASE=alpine` run, with a mirror and its key, in a copy of the project: an
 * unchanged one, or one in which the small profile replaces those of the project.
 */
async function build(profile: string, building: Building): Promise<string> {
  const { project, cache, keys, options = [] } = building;
  await using mirror = await serve(building.mirror);
  const from = ['--mirror', mirror.url, '--keys-dir', keys];
  const qx = (...args: string[]) =>
    execa(
      process.execPath,
      ['tasks/qx-build.ts', ...args, '--base', 'alpine', '--profile', profile, ...from],
      { cwd: project, env: { QUANTIX_CACHE: cache } },
    );
  await qx('lock');
  const { stdout } = await qx(
    ...['iso', '--frozen-lock', '--output', OUTPUT, '--json', ...options],
  );
  const iso = parseBuilt(stdout).get(profile);
  if (iso === undefined) throw new Error(`no image of ${profile} was built`);
  return iso;
}
