import type { LockedPackage } from '../../../build/contract/lock.ts';
import type { BillOfMaterials } from '../../../build/sbom/materials.ts';

/** Returns a package of a lock. */
export function locked(name: string, more: Partial<LockedPackage> = {}): LockedPackage {
  return {
    name,
    version: '1:2.36-9+deb12u10',
    architecture: 'amd64',
    repository: 'bookworm',
    path: `pool/${name}.deb`,
    size: 1,
    sha256: 'ab'.repeat(32),
    ...more,
  };
}

/** The parts of a small image. */
export const materials: BillOfMaterials = {
  appliance: { name: 'qvdc', title: 'QvDC', version: '1.2.3' },
  base: 'debian',
  suite: 'bookworm',
  packages: [
    locked('zlib1g', { source: 'zlib' }),
    locked('libc6', { license: 'MIT AND (GPL-2.0-only OR Zlib)' }),
  ],
  artifacts: [
    {
      type: 'application',
      name: 'node',
      version: '26.10.0',
      hashes: { 'SHA-256': 'cd'.repeat(32) },
      url: 'https://registry.npmjs.org/node.tgz',
      license: 'mit',
      supplier: 'OpenJS Foundation',
    },
  ],
  sourceDateEpoch: 1_700_000_000,
};
