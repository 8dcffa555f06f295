import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { cacheDirectory } from '../../build/cache/directory.ts';
import { mirrorFromDebian } from '../alpine-mirror/from-debian.ts';
import { serve } from '../alpine-mirror/serve.ts';
import { copyProject } from '../build/workshop.ts';
import { PROJECT, parseBuilt } from './build-images.ts';

const FOLDER = 'dist/tests/alpine';

/**
 * Builds the image of a profile on the Alpine base as a user would: `make lock BASE=alpine && make iso BASE=alpine` in a
 * copy of the project in which nothing is edited, from a mirror made of Debian's packages and served on loopback. The
 * build has a cache of its own: what it downloads and resolves is of use to nothing else.
 * @returns path of the ISO
 */
export async function buildAlpineImage(profile: string): Promise<string> {
  const output = join(PROJECT, FOLDER);
  const place = join(output, profile);
  const { folder, keys, reused } = await mirrorFromDebian({
    profile,
    folder: join(place, 'mirror'),
    projectDirectory: PROJECT,
    cache: cacheDirectory(),
  });
  const project = join(place, 'project');
  await rm(project, { recursive: true, force: true });
  await copyProject(project);
  const cache = join(place, 'cache');
  if (!reused) await rm(cache, { recursive: true, force: true });
  await using mirror = await serve(folder);
  const from = ['--mirror', mirror.url, '--keys-dir', keys];
  const qx = (...args: string[]) =>
    execa(
      process.execPath,
      ['tasks/qx-build.ts', ...args, '--base', 'alpine', '--profile', profile, ...from],
      { cwd: project, env: { QUANTIX_CACHE: cache } },
    );
  await qx('lock');
  const { stdout } = await qx('iso', '--frozen-lock', '--output', output, '--json');
  const iso = parseBuilt(stdout).get(profile);
  if (iso === undefined) throw new Error(`no image of ${profile} was built`);
  return iso;
}
