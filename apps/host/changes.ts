import { statfs } from 'node:fs/promises';
import { join } from 'node:path';
import type { Host } from '../api/host.ts';
import { readMounts } from './mounts.ts';

/** Share of the memory for changes from which on a person is told. */
export const NEARLY_FULL = 0.8;

/**
 * Space for what is written below `/` and lies in memory, above the read-only image; `null` where the root is an ordinary file
 * system. @param root folder in which proc is
 */
export async function readChanges(root = '/'): Promise<Host['changes']> {
  const mounts = await readMounts(root);
  if (mounts.find(({ path }) => path === '/')?.type !== 'overlay') return null;
  const { bsize, blocks, bfree } = await statfs(join(root, '/'));
  return { total: blocks * bsize, used: (blocks - bfree) * bsize };
}

/** Whether so little of it is left that a person should know. */
export function isNearlyFull({ total, used }: NonNullable<Host['changes']>): boolean {
  return total > 0 && used >= total * NEARLY_FULL;
}
