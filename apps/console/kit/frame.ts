import { plain } from './text.ts';

/** Size of a terminal in cells. */
export interface Size {
  columns: number;
  rows: number;
}

/** Style of text; the meaning of a text never depends on it, because some terminals show neither bold nor reverse. */
export type Style = 'plain' | 'bold' | 'reverse';

/** Text in one style. */
export interface Span {
  text: string;
  style: Style;
}

/** A line, from left to right; the rest of the row is empty. */
export type Line = readonly Span[];

/** Position of a cell; columns and rows count from 0. */
export interface Position {
  column: number;
  row: number;
}

/** The content of a terminal: lines from the top, and the position of the cursor, if it is visible. */
export interface Frame {
  lines: readonly Line[];
  cursor: Position | null;
}

/** Creates a line of plain text. */
export function line(text: string): Line {
  return [{ text, style: 'plain' }];
}

/** Creates a line of bold text. */
export function bold(text: string): Line {
  return [{ text, style: 'bold' }];
}

/** Creates a line in reverse video. */
export function reverse(text: string): Line {
  return [{ text, style: 'reverse' }];
}

/** One row of a terminal: a character and a style for each cell. */
export interface Row {
  text: string;
  styles: readonly Style[];
}

/**
 * Converts a frame into rows that fill the terminal exactly. Text that does not fit is cut off. The last cell of the
 * last row stays empty, because writing there makes some terminals scroll.
 */
export function toRows(frame: Frame, { columns, rows }: Size): Row[] {
  return Array.from({ length: rows }, (_, index) =>
    rowOf(frame.lines[index] ?? [], columns, index === rows - 1 ? columns - 1 : columns),
  );
}

function rowOf(spans: Line, columns: number, room: number): Row {
  let text = '';
  const styles: Style[] = [];
  for (const span of spans) {
    for (const character of plain(span.text).slice(0, Math.max(room - text.length, 0))) {
      text += character;
      styles.push(span.style);
    }
  }
  while (text.length < columns) {
    text += ' ';
    styles.push('plain');
  }
  return { text, styles };
}
