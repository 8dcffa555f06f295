import { availableParallelism, loadavg } from 'node:os';
import { expect } from 'vitest';

/** Runnable processes per processor above which a time says more about the host than about the program. */
const BUSY = 3;

/** Expects that something took less than a limit, in milliseconds; says so instead where the host is too busy to tell. */
export function expectQuick(took: number, limit: number): void {
  const load = (loadavg()[0] ?? 0) / availableParallelism();
  if (load < BUSY) expect(took).toBeLessThan(limit);
  else if (took >= limit) console.warn(`not measured: the host is busy (${load.toFixed(1)} a CPU)`);
}
