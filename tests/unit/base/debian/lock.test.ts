import { expect, test } from 'vitest';
import { resolveDebian } from '../../../../build/base/debian/resolve.ts';
import type { LockedPackage } from '../../../../build/contract/lock.ts';
import { formatLock } from '../../../../build/lock/file.ts';
import { findSettings } from '../../../../build/profile/profile.ts';
import { temporaryFolder } from '../../folder.ts';
import { sampleLock } from '../../lock/locks.ts';
import { shippedProfile } from '../../profile/profiles.ts';
import { printing, putAptOnPath } from './fake-apt.ts';

const SUITE = findSettings(await shippedProfile(), 'debian').suite;
const MIRROR = 'http://d.example/debian';
const stanzas = new Map<string, string>(
  ['bash', 'linux', 'linux-cloud', 'linux-base'].map((name) => [name, stanza(name)]),
);

function stanza(name: string, changes: Record<string, string> = {}): string {
  const sha256 = Buffer.from(name.padEnd(32)).toString('hex');
  const fields = {
    Package: name,
    Version: '1:2.0-1',
    Architecture: 'amd64',
    Source: `${name}-source (2.0)`,
    Filename: `pool/main/${name}_2.0-1_amd64.deb`,
    Size: '1234',
    SHA256: sha256,
    ...changes,
  };
  return Object.entries(fields)
    .map(([key, value]) => `${key}: ${value}\n`)
    .join('');
}

/** Resolves a profile of bash and two kernels with an apt that prints these descriptions of packages. */
async function resolve(
  described: ReadonlyMap<string, string> = stanzas,
  release = 'Origin: Debian\nDate: Sat, 10 Feb 2024 11:07:25 UTC\n',
) {
  const install = (kernel: string) => ['bash', kernel];
  const line = (name: string) =>
    `'${MIRROR}/pool/main/${name}_2.0-1_amd64.deb' ${name}_1%3a2.0-1_amd64.deb 1234 SHA256:x\n`;
  const answers = (kernel: string) => ({
    [`*' --print-uris '*' ${kernel} '*`]: printing(install(kernel).map(line).join('')),
  });
  await putAptOnPath({
    "*' update '*": `lists=$(sed -n 's/^Dir::State::lists \\(.*\\);/\\1/p' "$APT_CONFIG")
      for suite in ${SUITE} ${SUITE}-updates ${SUITE}-security; do
        ${printing(release)} >"$lists/d.example_dists_\${suite}_InRelease"
      done`,
    "*' pkgnames '*": printing([...stanzas.keys()].join('\n')),
    ...answers('linux-cloud'),
    ...answers('linux'),
    "*' show '*": printing([...described.values()].join('\n')),
  });
  const profile = await shippedProfile();
  Object.assign(findSettings(profile, 'debian'), {
    packages: ['bash'],
    kernel: { virt: 'linux-cloud', full: 'linux' },
    without: { 'linux-base': 'only package scripts use it' },
  });
  const folder = await temporaryFolder();
  const request = { profile, mirror: MIRROR, cacheDirectory: folder };
  return resolveDebian(request);
}

const known = ({ name, flavour }: LockedPackage) => [name, flavour];

test('a package for both kernels is locked once, and each kernel for its flavour', async () => {
  const { packages } = await resolve();
  expect(packages.map(known)).toEqual([
    ['bash', undefined],
    ['linux-cloud', 'virt'],
    ['linux', 'full'],
  ]);
  expect(packages[0]).toMatchObject({
    version: '1:2.0-1',
    architecture: 'amd64',
    repository: SUITE,
    path: 'pool/main/bash_2.0-1_amd64.deb',
    size: 1234,
    source: 'bash-source',
    sourceVersion: '2.0',
  });
});

test('the lock has the time stamp and the hash of the signed index', async () => {
  const { sourceDateEpoch, repositories } = await resolve();
  expect(sourceDateEpoch).toBe(Date.parse('2024-02-10T11:07:25Z') / 1000);
  expect(repositories[SUITE]).toMatchObject({ date: '2024-02-10T11:07:25.000Z' });
  expect(repositories[SUITE]?.sha256).toMatch(/^[0-9a-f]{64}$/);
});

test('the profile’s request is in the lock, sorted', async () => {
  expect((await resolve()).request).toEqual({
    packages: ['bash'],
    kernel: { virt: 'linux-cloud', full: 'linux' },
    without: ['linux-base'],
    suite: SUITE,
  });
});

test('an index without a date is refused', async () => {
  await expect(resolve(stanzas, 'Origin: Debian\n')).rejects.toThrow(
    `the index of ${SUITE} has no date`,
  );
});

test.each([
  ['a size that is no number', { Size: 'big' }, 'packages.0.size'],
  ['a short hash', { SHA256: 'abc' }, 'packages.0.sha256'],
  ['a path that leaves the archive', { Filename: '../../bash_2.0-1_amd64.deb' }, 'packages.0.path'],
])('a package with %s is refused in a lock', async (_, changes, key) => {
  const resolution = await resolve(new Map([...stanzas, ['bash', stanza('bash', changes)]]));
  const { format, profile, base, architecture } = sampleLock();
  const lock = { format, profile, base, architecture, ...resolution };
  expect(() => formatLock(lock)).toThrow(`lock is wrong: ${key}: `);
});
