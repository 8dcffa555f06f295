import { existsSync } from 'node:fs';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join, relative, resolve } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { cacheRooms } from '../../../build/cache/directory.ts';
import { readLock } from '../../../build/lock/file.ts';
import { listLocks, lockProfiles } from '../../../tasks/lock.ts';
import type { PackageRecipe } from '../../alpine-mirror/recipe.ts';
import {
  openWorkplace,
  PACKAGES,
  profileInput,
  program,
  reviewOf,
  type Workplace,
} from '../alpine/base/mirrored.ts';

let place: Workplace;

beforeEach(async () => {
  place = await openWorkplace();
  await mkdir(join(place.directory, 'profiles'));
});

afterEach(() => place[Symbol.asyncDispose]());

type Changes = Parameters<typeof profileInput>[0];

interface MirrorFaults {
  /** A mirror to use instead of the one with the packages. */
  mirror?: string;
  /** A package that the mirror lacks, although its index lists it. */
  lost?: string;
}

/** Writes profiles, each with its changes, and locks all of them. @returns the output */
async function lock(
  profiles: Record<string, Changes>,
  packages: readonly PackageRecipe[],
  { mirror: other, lost }: MirrorFaults = {},
) {
  const mirror = other ?? (await place.mirror('mirror', packages));
  if (lost !== undefined) {
    await rm(join(place.directory, `mirror/v3.24/main/x86_64/${lost}-1.0-r0.apk`));
  }
  for (const [name, changes] of Object.entries(profiles)) {
    const profile = { ...profileInput(changes), name };
    const text = `export default ${JSON.stringify(profile)};\n`;
    await writeFile(join(place.directory, 'profiles', `${name}.ts`), text);
  }
  const said: string[] = [];
  await lockProfiles(Object.keys(profiles), {
    projectDirectory: place.directory,
    cache: cacheRooms(join(place.directory, 'cache')),
    base: 'alpine',
    architecture: 'x86_64',
    mirror,
    update: false,
    signal: new AbortController().signal,
    say: (line) => said.push(line),
    prepareHost: async () => {},
  });
  return said.join('\n');
}

const lockOf = (name: string) =>
  join(place.directory, 'profiles', `${name}.alpine.x86_64.lock.json`);

const TALKATIVE = program('library', { scripts: { 'post-install': 'echo hello\n' } });
const MIRROR = [...PACKAGES.filter(({ name }) => name !== 'library'), TALKATIVE];

test('with a complete mirror all locks are written, and unreviewed scripts are in one list', async () => {
  const said = await lock({ one: {}, two: { scripts: { base: reviewOf('other') } } }, MIRROR);
  for (const name of ['one', 'two']) {
    expect(readLock(lockOf(name))?.packages.map((each) => each.name)).toContain('base');
  }
  expect(said.match(/\| echo hello/g)).toHaveLength(1);
  expect(said).toMatch(/library: \{ reason: '…', sha256: \{ 'post-install': '\w{64}' \} \},/);
  expect(said).toContain('post-install, changed since its review:');
  expect(said).toContain('bases.alpine.scripts');
});

test('a profile with unavailable packages does not hide the errors of another one', async () => {
  const profiles = { one: { packages: ['lost'] }, two: { packages: ['libary'] } };
  const refused = lock(profiles, [...MIRROR, program('lost')], { lost: 'lost' });
  const error: unknown = await refused.catch((thrown: unknown) => thrown);
  expect(error).toMatchObject({ message: expect.stringMatching(/two: world wants libary/) });
  expect(error).toMatchObject({
    message: expect.stringMatching(/one: lost 1.0-r0 is in the index/),
  });
});

test('a missing mirror is reported once, with its address', async () => {
  const refused = lock({ one: {}, two: {} }, PACKAGES, { mirror: 'file:///nowhere' });
  await expect(refused).rejects.toThrow(/^(?!.*All problems).*nowhere/s);
});

test('if all scripts are reviewed, none is mentioned', async () => {
  expect(await lock({ one: {} }, PACKAGES)).not.toContain('cripts');
});

test('the errors of all profiles are in one list: each unknown name with similar ones, each script', async () => {
  const refused = lock(
    {
      good: {},
      one: { packages: ['base', 'libary', 'guest'] },
      two: { packages: ['base', 'libary', 'picky'] },
    },
    [...MIRROR, program('picky', { depends: ['library>9'] })],
  );
  const error: unknown = await refused.catch((thrown: unknown) => thrown);
  const message = error instanceof Error ? error.message : '';
  expect(message.match(/wants libary/g)).toHaveLength(1);
  expect(message).toMatch(/one, two: world wants libary.*did you mean library\?/);
  expect(message).toMatch(/one: world wants guest, but nothing is called or provides guest/);
  expect(message).toMatch(
    /two: world wants picky, picky-1.0-r0 needs library>9, but there is only library-1.0-r0/,
  );
  expect(message.match(/\| echo hello/g)).toHaveLength(1);
  expect(message).toMatch(/library: \{ reason: '…', sha256/);
  expect(existsSync(lockOf('good'))).toBe(true);
  expect([lockOf('one'), lockOf('two')].map((file) => existsSync(file))).toEqual([false, false]);
});

test('a list names the locks of all bases and architectures that a profile has packages for', async () => {
  const project = resolve(import.meta.dirname, '../../..');
  const locks = await listLocks(['qvdc'], project);
  expect(locks.map((lock) => relative(project, lock))).toEqual([
    'profiles/qvdc.alpine.x86_64.lock.json',
    'profiles/qvdc.debian.arm64.lock.json',
    'profiles/qvdc.debian.x86_64.lock.json',
  ]);
});
