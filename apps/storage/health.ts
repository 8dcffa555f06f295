import type { Pool } from '../api/storage.ts';
import type { Space } from '../host/file-system-space.ts';

/** Used share above which a pool counts as full. */
export const FULL = 0.95;

/** Errors that mean that a file system is lost (errno(3)). */
const LOST: readonly string[] = ['EIO', 'ESTALE', 'EUCLEAN', 'ESHUTDOWN', 'ENODEV', 'ENXIO'];

/** What was observed of a pool. */
export interface PoolSigns {
  space: Space;
  readOnly: boolean;
  /** Why it could not be written or listed. */
  error: Error | null;
}

function isFull({ total, available }: Space): boolean {
  return total > 0 && available === 0;
}

/** Assesses the health of a pool that answers. */
export function assessHealth(signs: PoolSigns): Pick<Pool, 'health' | 'problem' | 'writable'> {
  const { space, readOnly, error } = signs;
  const share = space.used / (space.used + space.available || 1);
  const full = `${Math.floor(share * 100)} % full`;
  const code = error !== null && 'code' in error ? String(error.code) : '';
  if (code === 'ENOSPC' || (error === null && isFull(space)))
    return { health: 'degraded', problem: full, writable: false };
  if (error !== null) {
    const health = LOST.includes(code) ? 'failed' : 'degraded';
    return { health, problem: error.message, writable: false };
  }
  if (readOnly) return { health: 'degraded', problem: 'mounted read-only', writable: false };
  if (share >= FULL) return { health: 'degraded', problem: full, writable: true };
  return { health: 'healthy', problem: null, writable: true };
}
