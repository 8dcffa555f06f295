import { type Frame, type Row, type Size, type Style, toRows } from './frame.ts';

/** ECMA-48 control sequences that VT100, the Linux console and xterm share. */
const CLEAR = '\x1b[0m\x1b[2J\x1b[H';
const STYLES: Record<Style, string> = {
  plain: '\x1b[0m',
  bold: '\x1b[0;1m',
  reverse: '\x1b[0;7m',
};
const SHOW_CURSOR = '\x1b[?25h';
const HIDE_CURSOR = '\x1b[?25l';

/** What a terminal shows, according to what was written to it. */
export interface Drawn {
  rows: readonly Row[];
  size: Size;
  cursor: Frame['cursor'];
}

/** Output for a terminal, and what it shows afterwards. */
export interface Drawing {
  output: string;
  drawn: Drawn;
}

/**
 * Returns the output that makes a terminal show a frame, with only the cells that differ.
 * @param drawn what it shows now; `null` if unknown, in which case it is cleared
 */
export function draw(frame: Frame, size: Size, drawn: Drawn | null): Drawing {
  const rows = toRows(frame, size);
  const known = drawn !== null && sameSize(drawn.size, size) ? drawn : null;
  const changes = rows.map((row, index) => change(row, known?.rows[index] ?? empty(size), index));
  const cells = changes.join('');
  const cursor = place(frame, size);
  const now = { rows, size, cursor: frame.cursor };
  if (known === null) {
    return { output: `${HIDE_CURSOR}${CLEAR}${cells}${cursor}`, drawn: now };
  }
  if (cells === '' && samePlace(known.cursor, frame.cursor)) return { output: '', drawn: now };
  return { output: `${HIDE_CURSOR}${cells}${cursor}`, drawn: now };
}

/** Output when the terminal is released: an empty screen with the cursor at its top. */
export const RESTORED = `${CLEAR}${SHOW_CURSOR}`;

function sameSize(one: Size, other: Size): boolean {
  return one.columns === other.columns && one.rows === other.rows;
}

function samePlace(one: Frame['cursor'], other: Frame['cursor']): boolean {
  return one?.column === other?.column && one?.row === other?.row;
}

function place({ cursor }: Frame, { columns, rows }: Size): string {
  if (cursor === null) return '';
  const column = Math.min(cursor.column, columns - 1);
  return `${moveTo(Math.min(cursor.row, rows - 1), column)}${SHOW_CURSOR}`;
}

function moveTo(row: number, column: number): string {
  return `\x1b[${row + 1};${column + 1}H`;
}

function empty({ columns }: Size): Row {
  return { text: ' '.repeat(columns), styles: Array.from({ length: columns }, () => 'plain') };
}

/** Returns the output that changes one row into another: its cells from the first to the last difference. */
function change(row: Row, before: Row, index: number): string {
  const differs = (column: number) =>
    row.text[column] !== before.text[column] || row.styles[column] !== before.styles[column];
  let first = 0;
  let last = row.text.length - 1;
  while (first <= last && !differs(first)) first += 1;
  while (last >= first && !differs(last)) last -= 1;
  if (first > last) return '';
  let output = moveTo(index, first);
  let style: Style = 'plain';
  for (let column = first; column <= last; column += 1) {
    const wanted = row.styles[column] ?? 'plain';
    if (wanted !== style) output += STYLES[wanted];
    style = wanted;
    output += row.text[column];
  }
  return style === 'plain' ? output : `${output}${STYLES.plain}`;
}
