import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { cacheRooms } from '../../../build/cache/directory.ts';
import type { Base } from '../../../build/contract/base.ts';
import type { Lock } from '../../../build/contract/lock.ts';
import { BuildError } from '../../../build/error.ts';
import {
  ensureCurrentLock,
  type LockRequest,
  lockWithout,
  renewLock,
} from '../../../build/lock/current.ts';
import { lockFile, readLock, writeLock } from '../../../build/lock/file.ts';
import { withAdditions } from '../../../build/profile/additions.ts';
import { findSettings, type Profile } from '../../../build/profile/profile.ts';
import { temporaryFolder } from '../folder.ts';
import { shippedProfile } from '../profile/profiles.ts';
import { locked, sampleLock } from './locks.ts';

const profile = await shippedProfile();

function requestOf(asking: Profile): Lock['request'] {
  const { packages, kernel, without, suite } = findSettings(asking, 'debian');
  return { packages, kernel, without: Object.keys(without), suite };
}

interface World {
  request: LockRequest;
  /** Number of resolutions by the base. */
  resolved: number;
  /** Packages that the base will choose. */
  packages: Lock['packages'];
  said: string[];
}

/** A project without a lock, and a base that does not use the network. */
async function world(): Promise<World> {
  const projectDirectory = await temporaryFolder();
  await mkdir(join(projectDirectory, 'profiles'));
  const own = { ...profile, file: join(projectDirectory, 'profiles/qvdc.ts') };
  const said: string[] = [];
  const base: Base = {
    name: 'debian',
    request: requestOf,
    resolve: async ({ profile: asked }) => {
      made.resolved += 1;
      const { sourceDateEpoch, repositories } = sampleLock();
      return { request: requestOf(asked), sourceDateEpoch, repositories, packages: made.packages };
    },
    mirrors: async () => ({ addresses: new Map() }),
    reader: () => ({ name: 'debian', readerVersion: '', open: async () => undefined }),
    module: import.meta.filename,
    compareVersions: () => 0,
    settings: () => ({ drop: {}, links: {}, accept: {} }),
    relations: async () => new Map(),
    merge: () => [],
    skeleton: () => [],
    finish: () => undefined,
  };
  const cache = cacheRooms(join(projectDirectory, 'cache'));
  const say = (line: string) => said.push(line);
  const made: World = {
    request: { projectDirectory, cache, profile: own, base, say },
    resolved: 0,
    packages: [locked('bash')],
    said,
  };
  return made;
}

const fileOf = ({ request }: World) => lockFile(request.profile, 'debian');

test('a lock that matches the profile is used without a message', async () => {
  const here = await world();
  const lock = sampleLock({ request: requestOf(profile) });
  await writeLock(fileOf(here), lock);
  expect(await ensureCurrentLock(here.request, true)).toEqual(readLock(fileOf(here)));
  expect(here).toMatchObject({ resolved: 0, said: [] });
});

test('without a lock, the profile is resolved once and the result is cached', async () => {
  const here = await world();
  const lock = await ensureCurrentLock(here.request, false);
  expect(lock).toMatchObject({ profile: 'qvdc', base: 'debian', packages: [locked('bash')] });
  expect(await ensureCurrentLock(here.request, false)).toEqual(readLockLike(lock));
  expect(here.resolved).toBe(1);
  expect(here.said[0]).toBe(
    'qvdc: resolved anew (there is no lock yet). `make lock BASE=debian` keeps the result.',
  );
  expect(existsSync(fileOf(here))).toBe(false);
});

test('a newly resolved lock has the same order as one that is read, for any order of the index', async () => {
  const one = await world();
  one.packages = ['zlib', 'bash', 'attr'].map((name) => locked(name));
  const resolved = await ensureCurrentLock(one.request, false);
  expect(resolved.packages.map(({ name }) => name)).toEqual(['attr', 'bash', 'zlib']);
  const remembered = await ensureCurrentLock(one.request, false);
  expect(JSON.stringify(remembered)).toBe(JSON.stringify(resolved));
});

test('a stale lock is resolved anew, and again when the profile changes again', async () => {
  const here = await world();
  await writeLock(fileOf(here), sampleLock({ request: requestOf(profile) }));
  for (const suite of ['forky', 'duke', 'forky']) {
    const changed = structuredClone(here.request.profile);
    findSettings(changed, 'debian').suite = suite;
    const lock = await ensureCurrentLock({ ...here.request, profile: changed }, false);
    expect(lock.request.suite).toBe(suite);
  }
  expect(here.resolved).toBe(2);
  expect(here.said[0]).toContain('suite: trixie → forky');
});

test('a package added by a build is resolved without changing the lock', async () => {
  const here = await world();
  const lock = sampleLock({ request: requestOf(profile), packages: [locked('bash')] });
  await writeLock(fileOf(here), lock);
  const before = await readFile(fileOf(here), 'utf8');
  const added = { packages: ['htop'], cmdline: [] };
  const request = {
    ...here.request,
    profile: withAdditions(here.request.profile, 'debian', added),
  };
  here.packages = [locked('bash'), locked('htop'), locked('libnl')];
  const resolved = await ensureCurrentLock(request, false);
  expect(resolved.packages.map(({ name }) => name)).toEqual(['bash', 'htop', 'libnl']);
  expect(await ensureCurrentLock(request, false)).toEqual(resolved);
  expect(here.resolved).toBe(1);
  expect(await readFile(fileOf(here), 'utf8')).toBe(before);
  expect(here.said[0]).toBe(
    `qvdc: resolved anew (packages: + htop). This is for this build only: ${fileOf(here)} stays as it is. Against the lock: + htop 1.0, + libnl 1.0.`,
  );
  expect(await ensureCurrentLock(here.request, true)).toEqual(readLock(fileOf(here)));
  await expect(ensureCurrentLock(request, true)).rejects.toThrow(
    /^this build takes the lock as it stands, in which htop cannot be added .*Leave --package out/,
  );
});

test('with --frozen-lock, a stale lock is refused with the differences, and a missing one too', async () => {
  const here = await world();
  await expect(ensureCurrentLock(here.request, true)).rejects.toThrow('there is no lock yet');
  const { packages, ...rest } = requestOf(profile);
  await writeLock(fileOf(here), sampleLock({ request: { ...rest, packages: packages.slice(1) } }));
  const failure = await ensureCurrentLock(here.request, true).catch((error) => error);
  expect(failure).toBeInstanceOf(BuildError);
  expect(failure.what).toBe(`the lock does not fit the profile: packages: + ${packages[0]}`);
  expect(failure.where).toBe(fileOf(here));
  expect(here.resolved).toBe(0);
});

test('if the mirror lost a package, the profile is resolved anew, and changes are reported', async () => {
  const here = await world();
  const before = sampleLock({ packages: [locked('bash'), locked('zlib1g')] });
  here.packages = [locked('bash', { version: '1.1' }), locked('zlib1g')];
  const { lock } = await lockWithout(['bash 1.0'], before, here.request, false);
  expect(lock.packages).toEqual(here.packages);
  expect(here.said).toEqual([
    'qvdc: the mirror moved: bash 1.0 → 1.1. `make lock BASE=debian` keeps this.',
  ]);
  await lockWithout(['bash 1.0'], before, here.request, false);
  expect(here.resolved).toBe(1);
});

test('a lock that an earlier build resolved is resolved again if its packages are gone, too', async () => {
  const here = await world();
  const bash = (version: string) => [locked('bash', { version })];
  const [first, second, third] = [bash('1.0'), bash('1.1'), bash('1.2')];
  const before = sampleLock({ packages: first });
  here.packages = second;
  const then = await lockWithout(['bash 1.0'], before, here.request, false);
  expect(then.remembered).toBe(false);
  here.packages = third;
  const known = await lockWithout(['bash 1.0'], before, here.request, false);
  expect(known).toMatchObject({ remembered: true, lock: { packages: second } });
  const gone = ['bash 1.0', 'bash 1.1'];
  const now = await lockWithout(gone, known.lock, here.request, false);
  expect(now).toMatchObject({ remembered: false, lock: { packages: third } });
});

test('a cached lock with a package that is gone is not used', async () => {
  const here = await world();
  const before = sampleLock({ packages: [locked('bash')] });
  here.packages = [locked('bash')];
  await lockWithout(['bash 1.0'], before, here.request, false);
  here.packages = [locked('bash', { version: '1.1' })];
  const { lock } = await lockWithout(['bash 1.0'], before, here.request, false);
  expect(lock.packages).toEqual(here.packages);
});

test('of many changed packages six are named and the rest is counted', async () => {
  const here = await world();
  here.packages = Array.from({ length: 9 }, (_, index) => locked(`lib${index}`));
  await lockWithout(['x 1'], sampleLock({ packages: [] }), here.request, false);
  expect(here.said[0]).toContain('+ lib5 1.0 and 3 more. ');
});

test('with --frozen-lock, a package that the mirror lost is an error with its name', async () => {
  const here = await world();
  await expect(lockWithout(['bash 1.0'], sampleLock(), here.request, true)).rejects.toThrow(
    /^the mirror no longer has bash 1\.0 \(.*qvdc\.debian\.x86_64\.lock\.json\)\. Write the lock again/,
  );
});

test('make lock writes the lock and reports the changes, the first time all packages', async () => {
  const here = await world();
  expect(await renewLock(here.request)).toMatchObject({ moved: ['+ bash 1.0'] });
  here.packages = [locked('bash', { version: '2' })];
  expect(await renewLock(here.request)).toMatchObject({ moved: ['bash 1.0 → 2'] });
  expect(readLock(fileOf(here))?.packages).toEqual(here.packages);
});

test('a failed resolution leaves no lock', async () => {
  const here = await world();
  const resolve = async () => {
    throw new BuildError({ what: 'the mirror does not answer' });
  };
  const request = { ...here.request, base: { ...here.request.base, resolve } };
  await expect(ensureCurrentLock(request, false)).rejects.toThrow('the mirror does not answer');
  await expect(renewLock(request)).rejects.toThrow('the mirror does not answer');
  expect(existsSync(fileOf(here))).toBe(false);
});

/** A lock as it is after it was written and read: with a sorted request. */
function readLockLike(lock: Lock): Lock {
  const { request } = lock;
  const sorted = (names: string[]) => [...names].sort();
  const { packages, without } = request;
  return {
    ...lock,
    request: { ...request, packages: sorted(packages), without: sorted(without) },
  };
}

test('a cached result is used only with the same keys', async () => {
  const here = await world();
  const keysDirectory = await temporaryFolder();
  const file = join(keysDirectory, 'me.rsa.pub');
  for (const content of ['one', 'two', 'one']) {
    await writeFile(file, content);
    await ensureCurrentLock({ ...here.request, keysDirectory }, false);
  }
  expect(here.resolved).toBe(2);
  await writeFile(file, 'three');
  await ensureCurrentLock({ ...here.request, keysDirectory }, false);
  expect(here.resolved).toBe(3);
});

test.each([
  ['damaged', 'half a lo'],
  ['of another format', '{"format": 0}'],
])('a cached result that is %s is resolved anew', async (_, text) => {
  const here = await world();
  const lock = await ensureCurrentLock(here.request, false);
  const { resolved } = here.request.cache;
  for (const name of await readdir(resolved)) await writeFile(join(resolved, name), text);
  expect(await ensureCurrentLock(here.request, false)).toEqual(lock);
  expect(here.resolved).toBe(2);
});

test('for a profile outside the project, the suggested lock command names its path', async () => {
  const here = await world();
  const file = join(await temporaryFolder(), 'appliance.ts');
  await ensureCurrentLock({ ...here.request, profile: { ...profile, file } }, false);
  expect(here.said.join()).toContain(
    `\`qx-build lock --profile ${file} --base debian --arch x86_64\` keeps the result`,
  );
});
