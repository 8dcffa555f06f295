import { type Line, line, type Position } from './frame.ts';
import { fitColumn } from './text.ts';

/** Text in a box. */
export interface Box {
  lines: readonly Line[];
  /** Position of the cursor in `lines`. */
  cursor: Position | null;
}

/** Cells of a box besides its text: a border and a blank on both sides. */
const BORDER = 4;

/** Widest text in a box. */
const WIDEST = 64;

/** Returns the width, in cells, of a box's text in a terminal with this number of columns. */
export function computeBoxWidth(columns: number): number {
  return Math.max(Math.min(columns - BORDER - 2, WIDEST), 1);
}

/**
 * Draws a box over the middle of a body.
 * @param body lines below
 * @param room rows and columns of the body
 */
export function drawOverlay(
  body: readonly Line[],
  box: Box,
  room: { columns: number; rows: number },
): Box {
  const width = computeBoxWidth(room.columns);
  const left = Math.max(Math.floor((room.columns - width - BORDER) / 2), 0);
  const framed = framedLines(box.lines, width).map(
    (one): Line => [...line(' '.repeat(left)), ...one],
  );
  const top = Math.max(Math.floor((room.rows - framed.length) / 2), 0);
  const rows = Array.from({ length: room.rows }, (_, index) => body[index] ?? line(''));
  rows.splice(top, framed.length, ...framed);
  const { cursor } = box;
  return {
    lines: rows.slice(0, Math.max(room.rows, framed.length)),
    cursor: cursor && { column: left + 2 + cursor.column, row: top + 1 + cursor.row },
  };
}

function framedLines(lines: readonly Line[], width: number): Line[] {
  const edge = line(`+${'-'.repeat(width + 2)}+`);
  return [edge, ...lines.map((one) => framed(one, width)), edge];
}

function framed(one: Line, width: number): Line {
  const spans = [];
  let used = 0;
  for (const { text, style } of one) {
    const kept = text.slice(0, width - used);
    used += kept.length;
    spans.push({ text: kept, style });
  }
  return [...line('| '), ...spans, ...line(fitColumn('', width - used)), ...line(' |')];
}
