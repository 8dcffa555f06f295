import type { Size } from '../kit/frame.ts';

/** Rows around a screen's body: the title and a blank line above, a blank line, keys and menu below. */
export const FRAME_ROWS = 5;

/** Rows that a screen's body has in a terminal of this size. */
export function bodyRows({ rows }: Size): number {
  return Math.max(rows - FRAME_ROWS, 1);
}
