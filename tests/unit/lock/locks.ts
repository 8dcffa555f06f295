import type { Lock, LockedPackage } from '../../../build/contract/lock.ts';

/** A package of a lock. */
export function locked(name: string, more: Partial<LockedPackage> = {}): LockedPackage {
  return {
    name,
    version: '1.0',
    architecture: 'amd64',
    repository: 'bookworm',
    path: `pool/main/${name}_1.0_amd64.deb`,
    size: 1000,
    sha256: 'a'.repeat(64),
    ...more,
  };
}

/** A lock of two packages and a kernel. */
export function sampleLock(more: Partial<Lock> = {}): Lock {
  return {
    format: 1,
    profile: 'qvdc',
    base: 'debian',
    architecture: 'x86_64',
    request: {
      packages: ['zlib1g', 'bash'],
      kernel: { virt: 'linux-cloud', full: 'linux' },
      without: ['perl', 'dpkg'],
      suite: 'bookworm',
    },
    sourceDateEpoch: 1_700_000_000,
    repositories: {
      bookworm: { suite: 'bookworm', date: '2023-11-14T22:13:20.000Z', sha256: 'b'.repeat(64) },
    },
    packages: [
      locked('zlib1g', { source: 'zlib' }),
      locked('linux', { flavour: 'virt' }),
      locked('linux', { flavour: 'full', sha256: 'c'.repeat(64) }),
      locked('bash'),
    ],
    ...more,
  };
}
