import { readFile } from 'node:fs/promises';

/** The kernel reports processor time in hundredths of a second (`sysconf(_SC_CLK_TCK)` on Linux). */
const TICKS_A_SECOND = 100;

/** The time that a task took: by the clock, and of the processors, both in seconds. */
export interface Taken {
  clock: number;
  /** User and system time of this process and of its ended children and theirs. */
  processor: number;
}

/** Measures what a task takes. All processes of the task must have ended when it ends. */
export async function takenBy(work: () => Promise<unknown>): Promise<Taken> {
  const before = await processorSeconds();
  const clock = await secondsOf(work);
  return { clock, processor: (await processorSeconds()) - before };
}

/** Reads `utime`, `stime`, `cutime` and `cstime` of this process (proc_pid_stat(5), fields 14 to 17). */
async function processorSeconds(): Promise<number> {
  const stat = await readFile('/proc/self/stat', 'utf8');
  // The second field, the name, is in parentheses and may contain blanks; the third follows it.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return fields.slice(11, 15).reduce((sum, ticks) => sum + Number(ticks), 0) / TICKS_A_SECOND;
}

/** What to compare in `compareTaken`. */
interface Comparison {
  taken: readonly Taken[];
  floors: readonly Taken[];
  /** What the floors are. */
  floor: string;
  limit: number;
}

/**
 * Compares runs with those of their floor by the clock. The note has the ratio by processor time too, which other work
 * on the machine hardly changes.
 */
export function compareTaken(what: string, { taken, floors, floor, limit }: Comparison): Figure {
  const clocks = [taken, floors].map((runs) => median(runs.map(({ clock }) => clock)));
  const processors = [taken, floors].map((runs) => median(runs.map(({ processor }) => processor)));
  const [clock = Number.NaN, processor = Number.NaN] = [clocks, processors].map(ratioOf);
  const note =
    `${inSeconds(clocks[0])}, ${floor} ${inSeconds(clocks[1])}; ` +
    `processor time ${processor.toFixed(2)} ×: ${inSeconds(processors[0])}, ${inSeconds(processors[1])}`;
  return { what, value: clock, limit, unit: '×', note };
}

function ratioOf([taken = Number.NaN, floor = Number.NaN]: number[]): number {
  return taken / floor;
}

function inSeconds(seconds = Number.NaN): string {
  return `${seconds.toFixed(2)} s`;
}

/** Measures the seconds of a task. */
export async function secondsOf(work: () => Promise<unknown>): Promise<number> {
  const began = performance.now();
  await work();
  return (performance.now() - began) / 1000;
}

/** Returns the median of some figures. */
export function median(figures: readonly number[]): number {
  const sorted = [...figures].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const [low = Number.NaN, high = Number.NaN] = [sorted[middle - 1], sorted[middle]];
  return sorted.length % 2 === 1 ? high : (low + high) / 2;
}

/** Whether a figure is within its limit. */
export function isWithin({ value, limit, unit }: Figure): boolean {
  return unit === 'MB/s' ? value >= limit : value <= limit;
}

/** One row of the report: what was measured, and its limit. */
export interface Figure {
  what: string;
  value: number;
  /** Upper limit, or lower limit if the unit is a rate. */
  limit: number;
  unit: 's' | 'ms' | '×' | 'MB' | 'MB/s' | '%';
  /** How the value was obtained. */
  note?: string;
}
