import { drawOverlay } from './kit/dialog.ts';
import { type Frame, type Line, line, reverse, type Size } from './kit/frame.ts';
import { cut, plain } from './kit/text.ts';
import { MENU } from './menu.ts';
import { countBodyRows } from './screens/room.ts';
import type { State } from './state.ts';

/** Rows above a body. */
const HEAD_ROWS = 2;

/** Draws a console: title, screen, dialog over it, keys and menu. */
export function drawConsole(state: State): Frame {
  const { columns } = state.size;
  const room = { columns, rows: countBodyRows(state.size) };
  const screen = state.screen.view(state, room);
  const dialog = state.dialog === null ? null : state.dialog.view(state, columns);
  const body = dialog === null ? screen : drawOverlay(screen.lines, dialog, room);
  const { cursor } = body;
  return {
    lines: [
      titleLine(state, screen.title),
      line(''),
      ...filled(body.lines, room),
      line(''),
      dialog === null
        ? keysLine(screen.keys, state.screen.takesText ? 'F1-F9' : 'F1-F9 or 1-9', columns)
        : keysLine(dialog.keys, '', columns),
      menuLine(columns),
    ],
    cursor: cursor && { ...cursor, row: cursor.row + HEAD_ROWS },
  };
}

function filled(lines: readonly Line[], { rows }: Size): Line[] {
  return Array.from({ length: rows }, (_, index) => lines[index] ?? line(''));
}

/** Longest name in the title, in cells, so that the rest has space. */
const NAME_CELLS = 30;

function titleLine({ product, facts, size }: State, screenTitle: string): Line {
  const host = facts.host.value;
  const name = plain(host === null ? product : `${host.product} ${host.version}`);
  const hostname = plain(host?.hostname ?? facts.network.value?.hostname ?? '');
  const left = ` ${cut(name, NAME_CELLS)} - ${plain(screenTitle)}`;
  const right = ` ${cut(hostname, NAME_CELLS)} `;
  const room = size.columns - right.length;
  return reverse(room < NAME_CELLS ? padded(left, size.columns) : `${padded(left, room)}${right}`);
}

/** Formats the help for keys: the screen's keys on the left, those of the menu on the right. */
function keysLine(keys: string, menu: string, columns: number): Line {
  const left = ` ${keys}`;
  const room = columns - menu.length - 1;
  return line(left.length + 2 > room ? cut(left, columns) : `${left.padEnd(room)}${menu}`);
}

function menuLine(columns: number): Line {
  const entries = MENU.map(({ label }, index) => `${index + 1} ${label}`);
  const wide = ` ${entries.join('   ')}`;
  return reverse(padded(wide.length < columns ? wide : ` ${entries.join(' ')}`, columns - 1));
}

function padded(text: string, width: number): string {
  return cut(text, width).padEnd(width);
}
