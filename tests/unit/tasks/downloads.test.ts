import { expect, test } from 'vitest';
import { debian } from '../../../build/base/debian/base.ts';
import { cacheRooms } from '../../../build/cache/directory.ts';
import { listDownloads } from '../../../tasks/packages.ts';
import { locked } from '../lock/locks.ts';
import { PROJECT, shippedProfile } from '../profile/profiles.ts';

/** Addresses of one package at mirrors of its repository. */
async function addressesOf(path: string, mirrors: readonly string[]): Promise<readonly string[]> {
  const addresses = new Map([['bookworm', mirrors]]);
  const request = {
    projectDirectory: PROJECT,
    cache: cacheRooms('/nowhere'),
    profile: await shippedProfile(),
    base: { ...debian, mirrors: async () => ({ addresses }) },
    say: () => {},
  };
  const { items } = await listDownloads(request, [locked('x', { path })]);
  return items.flatMap(({ urls }) => urls);
}

test('plus signs and other special characters in package names are encoded, as S3 stores require', async () => {
  const path = 'pool/main/g/gcc-12/libstdc++6_12.2.0-14+deb12u1~x_amd64.deb';
  expect(await addressesOf(path, ['http://a/debian/', 'http://b/debian'])).toEqual([
    'http://a/debian/pool/main/g/gcc-12/libstdc%2B%2B6_12.2.0-14%2Bdeb12u1~x_amd64.deb',
    'http://b/debian/pool/main/g/gcc-12/libstdc%2B%2B6_12.2.0-14%2Bdeb12u1~x_amd64.deb',
  ]);
});

test('a repository without an address is an error', async () => {
  await expect(addressesOf('x.deb', [])).rejects.toThrow(
    'the lock names repository bookworm, for which there is no address. Name a mirror',
  );
});
