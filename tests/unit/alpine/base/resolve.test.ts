import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { resolveAlpine } from '../../../../build/base/alpine/resolve.ts';
import { hashFile } from '../../../../build/process/hash-file.ts';
import { KEY, openWorkplace, PACKAGES, profileOf, program, type Workplace } from './mirrored.ts';

let place: Workplace;

beforeEach(async () => {
  place = await openWorkplace();
});

afterEach(() => place[Symbol.asyncDispose]());

test('a lock has every package of both kernels, with hash, path, identity and the fields of the index', async () => {
  const mirror = await place.mirror('one', PACKAGES);
  const { packages, repositories, sourceDateEpoch } = await resolveAlpine(
    place.request({ mirror }),
  );
  expect(packages.map(({ name, flavour }) => [name, flavour])).toEqual([
    ['library', undefined],
    ['base', undefined],
    ['linux-virt', 'virt'],
    ['linux-lts', 'full'],
  ]);
  const [library] = packages;
  const file = join(place.directory, 'one/v3.24/main', library?.path ?? '');
  expect(library).toMatchObject({
    version: '1.0-r0',
    repository: 'main',
    path: 'x86_64/library-1.0-r0.apk',
    sha256: (await hashFile(file)).whole,
    license: 'MIT',
  });
  expect(library?.apk).toMatchObject({ P: 'library', C: expect.stringMatching(/^Q1/) });
  expect(repositories.main).toMatchObject({ suite: 'v3.24', date: '2023-11-14T22:13:20.000Z' });
  expect(sourceDateEpoch).toBe(1_700_000_000);
});

test('a mirror that is not there is skipped, and the next one is asked', async () => {
  const good = await place.mirror('good', PACKAGES);
  const said: string[] = [];
  const profile = profileOf({ mirrors: [`file://${place.directory}/missing`, good] });
  const { packages } = await resolveAlpine(
    place.request({ profile, say: (line) => said.push(line) }),
  );
  expect(packages).toHaveLength(4);
  expect(said).toEqual([expect.stringMatching(/missing.*the next mirror is asked/)]);
});

test('a mirror whose index is signed with an unknown key is skipped', async () => {
  const bad = await place.mirror('bad', [program('base', { version: '9-r0' })], 'stranger');
  const good = await place.mirror('good', PACKAGES);
  const profile = profileOf({ mirrors: [bad, good] });
  const { packages } = await resolveAlpine(place.request({ profile }));
  expect(packages.find(({ name }) => name === 'base')?.version).toBe('1.0-r0');
});

test('if no mirror can be used, the reason of each is reported', async () => {
  const bad = await place.mirror('bad', PACKAGES, 'stranger');
  const profile = profileOf({ mirrors: [`file://${place.directory}/missing`, bad] });
  await expect(resolveAlpine(place.request({ profile }))).rejects.toThrow(
    /no mirror has the repository: .*missing.*; .*bad.*trust/s,
  );
});

test('a mirror of one’s own is trusted by a key from a folder', async () => {
  const mirror = await place.mirror('own', PACKAGES);
  const profile = profileOf({}, {});
  await expect(resolveAlpine(place.request({ mirror, profile }))).rejects.toThrow(/trust/);
  const keysDirectory = join(place.directory, 'keys');
  await mkdir(keysDirectory);
  await writeFile(join(keysDirectory, KEY.name), KEY.pem);
  const { packages } = await resolveAlpine(place.request({ mirror, profile, keysDirectory }));
  expect(packages).toHaveLength(4);
});

test('an index older than the one in the lock is refused, with both dates', async () => {
  const mirror = await place.mirror('one', PACKAGES);
  const { repositories } = await resolveAlpine(place.request({ mirror }));
  const older = await place.mirror(
    'older',
    PACKAGES.map((one) => ({ ...one, builddate: 1_600_000_000 })),
  );
  const request = place.request({ mirror: older, notOlderThan: repositories });
  await expect(resolveAlpine(request)).rejects.toThrow(
    'the index of main is older than the one in the lock: 2020-09-13 12:26 instead of 2023-11-14 22:13',
  );
  await expect(resolveAlpine({ ...request, notOlderThan: undefined })).resolves.toBeDefined();
});

test('an unsatisfiable world is explained by the packages and their requirements', async () => {
  const packages = [program('base', { depends: ['library>2'] }), ...PACKAGES.slice(1)];
  const mirror = await place.mirror('one', packages);
  await expect(resolveAlpine(place.request({ mirror }))).rejects.toThrow(/base.*library>2/s);
});

test('a package that is not in the repository although the index has it is named', async () => {
  const mirror = await place.mirror('one', PACKAGES);
  await rm(join(place.directory, 'one/v3.24/main/x86_64/library-1.0-r0.apk'));
  await expect(resolveAlpine(place.request({ mirror }))).rejects.toThrow(/library 1\.0-r0/);
});
