import type { Field, Fields } from './field.ts';
import { type Form, findComplaint } from './form.ts';
import type { Line, Position } from './frame.ts';
import { cut, fitColumn, plain } from './text.ts';

/** The lines of a form, and the position of the cursor in them. */
export interface FormView {
  lines: Line[];
  cursor: Position | null;
}

/** Number of cells before a field's value, without its label: focus mark, blanks and bracket. */
const FRAME_CELLS = 4;

/** Draws a form: one line per field, followed by its problem or hint. */
export function drawForm<Name extends string>(
  form: Form<Name>,
  fields: Fields<Name>,
  columns: number,
): FormView {
  const labels = Math.max(...fields.map(({ label }) => label.length));
  const room = Math.max(Math.min(columns - labels - FRAME_CELLS - 2, 40), 8);
  const lines = fields.flatMap((field, index) => {
    const mark = index === form.focus ? '>' : ' ';
    const style = index === form.focus ? 'reverse' : 'plain';
    return [
      [
        { text: `${mark} ${field.label.padEnd(labels)} [`, style: 'plain' },
        { text: fitColumn(shown(form, field, index, room), room), style },
        { text: ']', style: 'plain' },
      ],
      [{ text: `  ${' '.repeat(labels)}  ${remark(form, field)}`, style: 'plain' }],
    ] satisfies Line[];
  });
  const field = fields[form.focus];
  if (field === undefined || field.kind === 'choice') return { lines, cursor: null };
  const cells = countCellsBefore(form, field);
  const offset = cells - scrolled(cells, room);
  return { lines, cursor: { column: labels + FRAME_CELLS - 1 + offset, row: form.focus * 2 } };
}

/** Returns the number of cells left of the cursor: each character is drawn in one. */
function countCellsBefore<Name extends string>(
  { values, cursor }: Form<Name>,
  { name }: Field<Name>,
): number {
  return [...values[name].slice(0, cursor)].length;
}

/** Returns the number of cells of a value that are scrolled out of view on the left. */
function scrolled(cells: number, room: number): number {
  return Math.max(cells - room + 1, 0);
}

function shown<Name extends string>(
  form: Form<Name>,
  field: Field<Name>,
  index: number,
  room: number,
): string {
  const value = form.values[field.name];
  if (field.kind === 'choice') {
    const choice = field.choices.find((one) => one.value === value);
    return index === form.focus ? `< ${choice?.label ?? value} >` : (choice?.label ?? value);
  }
  const text = [...value].map((one) => (field.kind === 'secret' ? '*' : plain(one))).join('');
  if (index !== form.focus) return cut(text, room);
  return text.slice(scrolled(countCellsBefore(form, field), room));
}

function remark<Name extends string>(form: Form<Name>, field: Field<Name>): string {
  const problem = findComplaint(form, field);
  if (problem !== null) return `! ${plain(problem)}`;
  return form.values[field.name] === '' ? field.hint : '';
}
