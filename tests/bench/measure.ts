/** Seconds that something took. */
export async function secondsOf(work: () => Promise<unknown>): Promise<number> {
  const began = performance.now();
  await work();
  return (performance.now() - began) / 1000;
}

/** The middle one of some figures. */
export function median(figures: readonly number[]): number {
  const sorted = [...figures].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const [low = Number.NaN, high = Number.NaN] = [sorted[middle - 1], sorted[middle]];
  return sorted.length % 2 === 1 ? high : (low + high) / 2;
}

/** One row of the report: what was measured, and what it may be at most. */
export interface Figure {
  what: string;
  value: number;
  limit: number;
  unit: 's' | '×' | 'MB';
  /** How the value came about. */
  note?: string;
}
