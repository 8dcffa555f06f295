import { join } from 'node:path';
import { readText } from './read.ts';

/** Time of all processors since the kernel started, in clock ticks. */
export interface CpuTimes {
  busy: number;
  total: number;
}

/**
 * Reads the first line of /proc/stat (proc_stat(5)): `cpu user nice system idle iowait irq softirq steal guest …`.
 * Guests' time is part of `user` already. Time that the hypervisor gave to others counts as busy.
 */
export function parseCpuTimes(text: string): CpuTimes {
  const [, list = ''] = /^cpu +(\d{1,15}(?: \d{1,15}){3,})$/m.exec(text) ?? [];
  const times = list.split(' ').slice(0, 8).map(Number);
  const [, , , idle = 0, waiting = 0] = times;
  const total = times.reduce((sum, time) => sum + time, 0);
  return { busy: total - idle - waiting, total };
}

/** Share of the processors' time between two looks that was busy, 0 to 1. */
export function cpuUsage(before: CpuTimes, after: CpuTimes): number {
  const total = after.total - before.total;
  if (total <= 0) return 0;
  return Math.min(1, Math.max(0, (after.busy - before.busy) / total));
}

/** Looks again and again: each look tells of the time since the one before, the first of all time since the start. */
export class CpuMeter {
  readonly #file: string;
  #before: CpuTimes = { busy: 0, total: 0 };

  constructor(root = '/') {
    this.#file = join(root, 'proc/stat');
  }

  /** Share of the processors' time since the last look that was busy, 0 to 1. */
  async look(): Promise<number> {
    const after = parseCpuTimes(await readText(this.#file));
    const usage = cpuUsage(this.#before, after);
    this.#before = after;
    return usage;
  }
}
