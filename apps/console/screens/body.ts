import { bold, type Line, type Position } from '../kit/frame.ts';
import { wrap } from '../kit/text.ts';
import type { Row } from '../report/row.ts';

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

/** Labelled rows in lines of so many columns, the labels in so many cells. */
export function rowLines(rows: readonly Row[], columns: number, labels: number): Line[] {
  return rows.flatMap(({ label, text }) =>
    wrap(text, columns - labels - 2).map((part, index): Line => {
      const shown = index === 0 ? label : '';
      return [...bold(` ${shown.padEnd(labels)}`), { text: part, style: 'plain' }];
    }),
  );
}
