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

/** Whether a figure keeps its limit. */
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
