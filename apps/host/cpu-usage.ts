import { join } from 'node:path';
import { readText } from './read.ts';

/** Time of all processors since the kernel started, in clock ticks. */
export interface CpuTimes {
  busy: number;
  total: number;
}

/**
 * Parses the first line of /proc/stat (proc_stat(5)): `cpu user nice system idle iowait irq softirq steal guest …`.
 * `user` already includes the time of guests. Stolen time counts as busy.
 */
export function parseCpuTimes(text: string): CpuTimes {
  const [, list = ''] = /^cpu +(\d{1,15}(?: \d{1,15}){3,})$/m.exec(text) ?? [];
  const times = list.split(' ').slice(0, 8).map(Number);
  const [, , , idle = 0, waiting = 0] = times;
  const total = times.reduce((sum, time) => sum + time, 0);
  return { busy: total - idle - waiting, total };
}

/** Returns the busy share of the processors' time between two samples, 0 to 1. */
export function computeCpuUsage(before: CpuTimes, after: CpuTimes): number {
  const total = after.total - before.total;
  if (total <= 0) return 0;
  return Math.min(1, Math.max(0, (after.busy - before.busy) / total));
}

/** Minimum duration of a measurement, in milliseconds. */
const WINDOW = 5_000;
/** Minimum time between two stored samples, in milliseconds. */
const STEP = 1_000;

interface Look {
  /** Milliseconds. */
  readonly at: number;
  readonly times: CpuTimes;
}

/**
 * Measures how busy the processors were in the last seconds; the first call measures since the kernel started. Frequent
 * calls do not distort the result.
 */
export class CpuMeter {
  readonly #file: string;
  readonly #now: () => number;
  /** Oldest first; the last measurement began at the first one. */
  #looks: Look[] = [{ at: Number.NEGATIVE_INFINITY, times: { busy: 0, total: 0 } }];

  /** @param now returns milliseconds since an arbitrary moment */
  constructor(root = '/', now: () => number = () => performance.now()) {
    this.#file = join(root, 'proc/stat');
    this.#now = now;
  }

  /** Returns the busy share of the processors' time, 0 to 1. */
  async look(): Promise<number> {
    const times = parseCpuTimes(await readText(this.#file));
    const at = this.#now();
    const old = this.#looks.findLastIndex((look) => at - look.at >= WINDOW);
    this.#looks = this.#looks.slice(Math.max(old, 0));
    const [before = { times }] = this.#looks;
    if (at - (this.#looks.at(-1)?.at ?? 0) >= STEP) this.#looks.push({ at, times });
    return computeCpuUsage(before.times, times);
  }
}
