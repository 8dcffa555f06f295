import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Lock } from '../../../build/contract/lock.ts';
import {
  type ChartedImage,
  readEarlierLocks,
  writeReleaseCharts,
} from '../../../tasks/release-charts.ts';
import { makeCommandOutput } from '../../../tasks/ui/events.ts';
import { rootfs, writeSmallIso } from '../comparison/images.ts';
import { temporaryFolder } from '../folder.ts';
import { locked, sampleLock } from '../lock/locks.ts';
import { captureOutput } from './captured-output.ts';

captureOutput();

const NOW = sampleLock({ packages: [locked('bash', { version: '2' }), locked('new')] });
const THEN: Lock = { ...NOW, packages: [locked('bash'), locked('linux', { flavour: 'virt' })] };

let project = '';

/** Returns the image of a profile of the project. */
const imageOf = (name: string): ChartedImage => ({
  file: join(project, `dist/${name}.iso`),
  facts: {
    lock: NOW,
    flavour: 'full',
    profile: { file: join(project, `profiles/${name}.ts`), name, architecture: 'x86_64' },
  },
});

beforeAll(async () => {
  project = await temporaryFolder(afterAll);
  const git = (...words: string[]) => execa('git', words, { cwd: project });
  const lock = (name: string) => join(project, `profiles/${name}.debian.x86_64.lock.json`);
  await mkdir(join(project, 'profiles'));
  await git('init', '--quiet');
  await writeFile(lock('qvdc'), JSON.stringify(THEN));
  await writeFile(lock('odd'), '{');
  await git('add', '.');
  const author = ['-c', 'user.name=a', '-c', 'user.email=a@example.org'];
  await git(...author, 'commit', '--quiet', '--message', 'then');
  await git('tag', 'v1.0.0');
  await writeFile(lock('qvdc'), JSON.stringify(NOW));
  await git(...author, 'commit', '--quiet', '--all', '--message', 'now');
});

const since = (commit: string, names: readonly string[], say: (line: string) => void) =>
  readEarlierLocks(names.map(imageOf), { project, since: commit }, say);

test('beside an image of a release are charts of its build, its sizes, and what moved since another release', async () => {
  const image = imageOf('qvdc');
  const earlier = (await since('v1.0.0', ['qvdc'], () => {})).get(image.file);
  const folder = await temporaryFolder();
  const file = await writeSmallIso(folder, { system: rootfs('1'), build: 'a', module: 'loop' });
  const times = [{ step: 'squashfs', began: 1, seconds: 2, cached: false }];
  const said = { output: makeCommandOutput({ json: false }) };
  const written = await writeReleaseCharts({ ...image, file }, { times, earlier }, said);
  expect(written.map((path) => basename(path))).toEqual(
    ['build', 'sizes', 'packages'].flatMap((of) => [`x.iso.${of}.svg`, `x.iso.${of}.json`]),
  );
  const [build, sizes, packages] = await Promise.all(
    written
      .filter((path) => path.endsWith('.json'))
      .map(async (path) => JSON.parse(await readFile(path, 'utf8'))),
  );
  expect(build).toEqual({ image: 'x.iso', steps: times });
  expect(sizes.tree.size).toBeGreaterThan(500_000);
  // Images of this flavour do not have the other kernel.
  expect(packages).toEqual({
    before: 'v1.0.0:profiles/qvdc.debian.x86_64.lock.json',
    after: 'x.iso',
    packages: [
      {
        ...{ change: 'changed', name: 'bash', before: '1.0', after: '2' },
        ...{ bytesBefore: 1000, bytesAfter: 1000 },
      },
      { change: 'added', name: 'new', after: '1.0', bytesAfter: 1000 },
    ],
  });
  for (const path of written.filter((name) => name.endsWith('.svg'))) {
    expect(await readFile(path, 'utf8')).toMatch(/^<svg /);
  }
  const alone = await writeReleaseCharts({ ...image, file }, { times, earlier: undefined }, said);
  expect(alone).toHaveLength(4);
});

test('an image without a readable lock in the earlier release is reported and not compared', async () => {
  const told: string[] = [];
  const found = await since('v1.0.0', ['odd', 'later', 'qvdc'], (line) => told.push(line));
  expect([...found.keys()]).toEqual([imageOf('qvdc').file]);
  expect(told).toEqual([
    expect.stringMatching(
      /^v1\.0\.0:profiles\/odd\..*: lock is not JSON: .*: the packages of odd\.iso are/,
    ),
    'v1.0.0:profiles/later.debian.x86_64.lock.json does not exist: the packages of later.iso are not compared',
  ]);
});

test.each(['v9.0.0', '--help', 'v1.0.0:profiles', ''])(
  '%j is refused as a commit to compare with',
  async (commit) => {
    await expect(since(commit, ['qvdc'], () => {})).rejects.toThrow(
      `there is no commit ${commit} in this clone`,
    );
  },
);
