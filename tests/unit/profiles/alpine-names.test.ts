import { resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import { readIndex } from '../../../build/base/alpine/index/read.ts';
import { selectPackages } from '../../../build/base/alpine/repository/select.ts';
import { trustedKeys } from '../../../build/base/alpine/signature/keys.ts';
import { loadProfile } from '../../../build/profile/load.ts';
import { findSettings } from '../../../build/profile/profile.ts';
import { haveReal, REAL_KEY, realFile } from '../alpine/real.ts';

const PROJECT = resolve(import.meta.dirname, '../../..');
const REPOSITORY = 'https://mirror.invalid/main';

/**
 * Names of the world that the real index cannot vouch for: it is of `main` only, of an older branch, and for another
 * CPU. A name that is neither there nor here is a typo.
 */
const UNVERIFIED: Readonly<Record<string, readonly string[]>> = {
  'of community': [
    ...['etcd', 'etcd-ctl', 'libvirt-client', 'libvirt-daemon', 'libvirt-qemu', 'nvme-cli'],
    ...['openvswitch', 'ovmf', 'qemu-hw-display-virtio-vga', 'qemu-hw-usb-host', 'qemu-img'],
    'qemu-system-x86_64',
  ],
  'newer than the index': ['postgresql18', 'postgresql18-contrib', 'procps-ng'],
  'for x86 only': ['grub-bios'],
};

describe.skipIf(!haveReal)('names that the profiles ask Alpine for', () => {
  const keys = () => trustedKeys([[REAL_KEY, realFile(REAL_KEY).toString('utf8')]]);
  const index = haveReal
    ? readIndex({ bytes: realFile('APKINDEX.tar.gz'), keys: keys(), where: 'APKINDEX' })
    : { description: '', packages: [] };
  const known = new Set(index.packages.map(({ fields }) => fields.get('P') ?? ''));
  const unverified = new Set(Object.values(UNVERIFIED).flat());

  const world = async (name: string) => {
    const profile = await loadProfile(PROJECT, name);
    const { packages, kernel, busybox } = findSettings(profile, 'alpine');
    return { names: [...packages, busybox], kernel };
  };

  test.each(['quantix-os', 'qvdc'])('%s asks for nothing that nobody knows', async (profile) => {
    const { names, kernel } = await world(profile);
    const unknown = [...names, ...Object.values(kernel)].filter((name) => !known.has(name));
    expect(unknown.filter((name) => !unverified.has(name))).toEqual([]);
  });

  test.each(['quantix-os', 'qvdc'])(
    'what %s asks for can be installed together, with either kernel',
    async (profile) => {
      const { names, kernel } = await world(profile);
      for (const flavour of Object.values(kernel)) {
        const wanted = [...names, flavour].filter((name) => known.has(name));
        const { packages } = selectPackages({
          repositories: [{ url: REPOSITORY, tag: '', ...index }],
          wanted,
          architecture: 'aarch64',
        });
        const chosen = new Set(packages.map(({ fields }) => fields.get('P')));
        expect(wanted.filter((name) => !chosen.has(name))).toEqual([]);
      }
    },
  );

  test('the list of unverified names has none that is known, and none that no profile asks for', async () => {
    const worlds = await Promise.all(['quantix-os', 'qvdc'].map(world));
    const asked = new Set(worlds.flatMap(({ names }) => names));
    expect([...unverified].filter((name) => known.has(name) || !asked.has(name))).toEqual([]);
  });
});
