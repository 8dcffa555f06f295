import { readFile } from 'node:fs/promises';
import type { Pool } from '../../api/storage.ts';
import { type Watch, watch } from '../../watch/watch.ts';

/** Milliseconds between reads of the pools, which may fill up or lose their file server. */
const PAUSE = 30_000;

/** Milliseconds between reads of the mounts. */
const MOUNTS_PAUSE = 2_000;

/** Storage pools, and why others could not be read, one line each. */
export interface StorageState {
  pools: readonly Pool[];
  problems: readonly string[];
}

export interface PoolWatchOptions {
  read: () => Promise<StorageState>;
  /** Called after the first read, and after each read that differs from the previous one. */
  onChange: (storage: StorageState, before: StorageState | undefined) => void;
  /** Path of the kernel's list of mounts, which is polled. */
  mounts?: string;
  signal: AbortSignal;
}

/** Watches the storage pools: reads them at intervals, and as soon as something is mounted or unmounted. */
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
