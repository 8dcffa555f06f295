import type { Line, Position } from '../kit/frame.ts';

/** What a screen shows between the title and the menu. */
export interface Body {
  title: string;
  lines: readonly Line[];
  cursor: Position | null;
  /** Which keys do what here. */
  keys: string;
}

/** A body without a cursor. */
export function body(title: string, keys: string, lines: readonly Line[]): Body {
  return { title, keys, lines, cursor: null };
}
