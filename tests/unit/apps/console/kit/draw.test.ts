import { expect, test } from 'vitest';
import { draw } from '../../../../../apps/console/kit/draw.ts';
import { bold, type Frame, line } from '../../../../../apps/console/kit/frame.ts';

const SIZE = { columns: 10, rows: 3 };
const frame = (...texts: string[]): Frame => ({ lines: texts.map(line), cursor: null });

test('the first frame clears the terminal, and an identical one writes nothing', () => {
  const first = draw(frame('one', 'two'), SIZE, null);
  expect(first.output).toContain('\x1b[2J');
  expect(draw(frame('one', 'two'), SIZE, first.drawn).output).toBe('');
});

test('only cells that differ are written', () => {
  const first = draw(frame('load 0.52', 'same'), SIZE, null);
  const second = draw(frame('load 0.61', 'same'), SIZE, first.drawn);
  expect(second.output).toBe('\x1b[?25l\x1b[1;8H61');
});

test('a change of only the style is written, and the style is reset after the cells', () => {
  const first = draw(frame('one'), SIZE, null);
  const second = draw({ lines: [bold('one')], cursor: null }, SIZE, first.drawn);
  expect(second.output).toBe('\x1b[?25l\x1b[1;1H\x1b[0;1mone\x1b[0m');
});

test('a moved cursor is placed within the terminal', () => {
  const first = draw(frame('one'), SIZE, null);
  const moved = { ...frame('one'), cursor: { column: 99, row: 99 } };
  expect(draw(moved, SIZE, first.drawn).output).toBe('\x1b[?25l\x1b[3;10H\x1b[?25h');
});

test('after a change of size everything is drawn again', () => {
  const first = draw(frame('one'), SIZE, null);
  expect(draw(frame('one'), { columns: 5, rows: 2 }, first.drawn).output).toContain('\x1b[2J');
});

test('the last cell of the screen stays empty, because some terminals scroll there', () => {
  const full = '##########';
  const { drawn } = draw(frame(full, full, full), SIZE, null);
  expect(drawn.rows.map(({ text }) => text)).toEqual([full, full, '######### ']);
});
