import { bold, type Line, type Position } from '../kit/frame.ts';
import { wrap } from '../kit/text.ts';
import type { Row } from '../report/row.ts';

/** The content of a screen between title and menu. */
export interface Body {
  title: string;
  lines: readonly Line[];
  cursor: Position | null;
  /** Help text for the keys. */
  keys: string;
}

/** Creates a body without a cursor. */
export function createBody(title: string, keys: string, lines: readonly Line[]): Body {
  return { title, keys, lines, cursor: null };
}

/**
 * Returns the text to show for a fact without a value: that it is being read or, if that failed, why.
 * @param reading what is happening, without a full stop: `The disk is being read`
 */
export function explainMissing(reading: string, problem: string | null): string {
  return problem === null ? `${reading} ...` : `Not known: ${problem}`;
}

/** Formats labelled rows. @param columns width of the lines @param labels width of the labels, in cells */
export function formatRows(rows: readonly Row[], columns: number, labels: number): Line[] {
  return rows.flatMap(({ label, text }) =>
    wrap(text, columns - labels - 2).map((part, index): Line => {
      const shown = index === 0 ? label : '';
      return [...bold(` ${shown.padEnd(labels)}`), { text: part, style: 'plain' }];
    }),
  );
}
