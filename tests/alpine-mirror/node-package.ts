import { statSync } from 'node:fs';
import { locateToolchainNode } from '../../build/sea/runtime.ts';
import { withFolders } from './layout.ts';
import type { PackageRecipe } from './recipe.ts';

/** Debian's packages that the toolchain's Node needs. */
const NEEDED = ['libatomic1', 'libc6', 'libgcc-s1', 'libstdc++6'];

/**
 * The toolchain's Node as Alpine's package: it replaces Alpine's own where packages have Alpine's format and Debian's C
 * library.
 */
export function nodePackage(projectDirectory: string, builddate: number): PackageRecipe {
  const file = locateToolchainNode(projectDirectory);
  const content = { in: 'file', file, offset: 0 } as const;
  const owner = { mode: 0o755, uid: 0, gid: 0, origin: 'fixture' };
  const { size } = statSync(file);
  return {
    name: 'nodejs',
    version: `${process.versions.node}-r0`,
    builddate,
    depends: NEEDED,
    entries: withFolders([{ ...owner, type: 'file', path: 'usr/bin/node', size, content }]),
  };
}
