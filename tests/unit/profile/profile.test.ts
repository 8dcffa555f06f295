import { expect, test } from 'vitest';
import { checkProfile } from '../../../build/profile/load.ts';
import { findSettings, selectProfile } from '../../../build/profile/profile.ts';
import written from '../../../profiles/qvdc.ts';
import { withKey } from './profiles.ts';

const DEBIAN = ['bases', 'debian'];
const changes: readonly (readonly [readonly string[], unknown])[] = [
  [
    [...DEBIAN, 'packages'],
    ['bash', 'busybox'],
  ],
  [[...DEBIAN, 'drop'], { '/boot': 'kernels are on the medium' }],
  [
    [...DEBIAN, 'architectures', 'arm64', 'packages'],
    ['firmware', 'bash'],
  ],
  [[...DEBIAN, 'architectures', 'arm64', 'grub'], ['grub-arm']],
  [[...DEBIAN, 'architectures', 'arm64', 'signed'], ['shim-arm']],
  [[...DEBIAN, 'architectures', 'arm64', 'drop'], { '/arm': 'nobody wants it' }],
  [[...DEBIAN, 'architectures', 'arm64', 'kernel'], { virt: 'virt-arm', full: 'full-arm' }],
  [['kernel', 'drivers', 'full'], { servers: { medium: ['nvme', 'vmd'], system: ['ast', 'vmd'] } }],
  [['kernel', 'drivers', 'without'], { arm64: { vmd: 'only Intel has such a device' } }],
];
const changed = changes.reduce<unknown>((all, [key, value]) => withKey(all, key, value), written);
const profile = checkProfile(changed, 'test');

test('an architecture adds to the common settings, and has its own kernel', () => {
  expect(findSettings(selectProfile(profile, 'arm64', '/x.ts'), 'debian')).toMatchObject({
    packages: ['bash', 'busybox', 'grub-arm', 'shim-arm', 'firmware'],
    drop: { '/boot': 'kernels are on the medium', '/arm': 'nobody wants it' },
    kernel: { virt: 'virt-arm', full: 'full-arm' },
  });
  const { packages, drop } = findSettings(selectProfile(profile, 'x86_64', '/x.ts'), 'debian');
  expect(packages).not.toContain('firmware');
  expect(Object.keys(drop)).toEqual(['/boot']);
});

test('an architecture does not require drivers that its kernels lack', () => {
  expect(selectProfile(profile, 'arm64', '/x.ts').kernel.drivers.full).toEqual({
    servers: { medium: ['nvme'], system: ['ast'] },
  });
  expect(selectProfile(profile, 'x86_64', '/x.ts').kernel.drivers.full).toEqual({
    servers: { medium: ['nvme', 'vmd'], system: ['ast', 'vmd'] },
  });
});

test('a base that the profile lacks for the architecture is reported with the bases that it has', () => {
  const message = 'qvdc has no packages from alpine for arm64';
  expect(() => findSettings(selectProfile(profile, 'arm64', '/x.ts'), 'alpine')).toThrow(message);
  expect(() => findSettings(selectProfile(profile, 'arm64', '/x.ts'), 'alpine')).toThrow(
    /BASE=debian\.$/,
  );
});

test('a profile may be built from one base only', () => {
  const { debian } = written.bases;
  const single = checkProfile({ ...written, bases: { debian } }, 'test');
  expect(() => findSettings(selectProfile(single, 'x86_64', '/x.ts'), 'alpine')).toThrow(
    /BASE=debian\.$/,
  );
});
