import { readFile } from 'node:fs/promises';
import type { Pool } from '../../api/storage.ts';
import { type Watch, watch } from '../../watch/watch.ts';

/** Milliseconds between looks at the pools: for what fills up, and for file servers that go away. */
const PAUSE = 30_000;

/** Milliseconds between looks at what is mounted. */
const MOUNTS_PAUSE = 2_000;

/** Storage pools, and what kept others from being seen, a line each. */
export interface StorageState {
  pools: readonly Pool[];
  problems: readonly string[];
}

export interface PoolWatchOptions {
  read: () => Promise<StorageState>;
  /** Called with the first look, and with each that differs from the one before. */
  onChange: (storage: StorageState, before: StorageState | undefined) => void;
  /** The kernel's list of mounts; it cannot be watched but by reading it. */
  mounts?: string;
  signal: AbortSignal;
}

/** Watches the storage pools: looks from time to time, and as soon as something is mounted or unmounted. */
export function watchPools(options: PoolWatchOptions): Watch<StorageState> {
  const { read, onChange, mounts = '/proc/self/mountinfo', signal } = options;
  const pools = watch<StorageState>({ look: () => read(), pause: () => PAUSE, onChange, signal });
  const mounted = watch<string>({
    look: () => readFile(mounts, 'utf8'),
    pause: () => MOUNTS_PAUSE,
    onChange: pools.refreshSoon,
    signal,
  });
  return { ...pools, ended: Promise.all([pools.ended, mounted.ended]).then(() => undefined) };
}
