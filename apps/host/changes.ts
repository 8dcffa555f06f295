import { statfs } from 'node:fs/promises';
import { join } from 'node:path';
import type { Host } from '../api/host.ts';
import { readMounts } from './mounts.ts';

/** Share of the space for changes, 0 to 1, above which a person is warned. */
export const NEARLY_FULL = 0.8;

/**
 * Reads the space for changes below `/`, which are stored in memory above the read-only image; returns `null` if the
 * root is an ordinary file system.
 * @param root folder that contains proc
 */
export async function readChanges(root = '/'): Promise<Host['changes']> {
  const mounts = await readMounts(root);
  if (mounts.find(({ path }) => path === '/')?.type !== 'overlay') return null;
  const { bsize, blocks, bfree } = await statfs(join(root, '/'));
  return { total: blocks * bsize, used: (blocks - bfree) * bsize };
}

/** Returns whether so little space is left that a person is warned. */
export function isNearlyFull({ total, used }: NonNullable<Host['changes']>): boolean {
  return total > 0 && used >= total * NEARLY_FULL;
}
