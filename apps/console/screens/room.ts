import type { Size } from '../kit/frame.ts';

/** Rows around a screen's body: title and an empty line above; an empty line, keys and menu below. */
export const FRAME_ROWS = 5;

/** Returns the number of rows of a screen's body in a terminal of this size. */
export function countBodyRows({ rows }: Size): number {
  return Math.max(rows - FRAME_ROWS, 1);
}
