import type { Stick } from '../../support/sticks.ts';
import { formatBytes } from '../../text/amount.ts';
import type { FactName } from '../facts.ts';
import { type Line, line, type Size } from '../kit/frame.ts';
import type { Key } from '../kit/keys.ts';
import { drawList, getSelected, LIST_START, type List, moveInList } from '../kit/list.ts';
import { fitColumn, plain, wrap } from '../kit/text.ts';
import type { Screen, State, Step } from '../state.ts';
import { show } from '../steps.ts';
import { type Body, createBody, explainMissing } from './body.ts';
import { countBodyRows } from './room.ts';

/** Options of a screen on which a stick is chosen. */
export interface SticksOptions {
  title: string;
  /** Facts that `above` needs besides the sticks. */
  facts?: readonly FactName[];
  /** Returns the lines above the list. @param columns their largest width, in cells */
  above: (state: State, columns: number) => readonly Line[];
  /** Label of Enter, such as `Read`. */
  enter: string;
  choose: (state: State, stick: Stick) => Step;
}

/**
 * Creates the screen of sticks with a readable and writable file system; it is updated when sticks are plugged in or
 * out.
 */
export function createSticksScreen(options: SticksOptions, list: List = LIST_START): Screen {
  return {
    facts: ['sticks', ...(options.facts ?? [])],
    takesText: false,
    view: (state, room) => viewSticks(options, { state, list, room }),
    onKey: (state, key) => onSticksKey(options, { state, list, key }),
  };
}

function onSticksKey(
  options: SticksOptions,
  { state, list, key }: { state: State; list: List; key: Key },
): Step {
  const sticks = state.facts.sticks.value ?? [];
  const chosen = getSelected(list, sticks);
  if (chosen !== undefined && key.name === 'enter') return options.choose(state, chosen);
  const size = { length: sticks.length, page: countBodyRows(state.size) };
  return show(state, createSticksScreen(options, moveInList(list, key, size)));
}

function viewSticks(
  { title, above: tell, enter }: SticksOptions,
  { state, list, room }: { state: State; list: List; room: Size },
): Body {
  const { value: sticks, problem } = state.facts.sticks;
  const above = [...tell(state, room.columns), line('')];
  if (sticks === null || sticks.length === 0) {
    const none =
      'There is no stick with a FAT or ext4 file system. A stick that is plugged in appears here.';
    const unread = explainMissing('Sticks are being looked for', problem);
    const text = sticks === null ? unread : none;
    return createBody(title, 'Esc Back', [...above, ...wrap(text, room.columns).map(line)]);
  }
  const rows = Math.max(room.rows - above.length, 3);
  return createBody(title, `Enter ${enter}   Esc Back`, [
    ...above,
    ...drawList(list, sticks.map(stickText), { columns: room.columns, rows }),
  ]);
}

function stickText({ path, type, label, size, model }: Stick): string {
  return [
    fitColumn(path, 12),
    fitColumn(type, 5),
    fitColumn(formatBytes(size), 10),
    fitColumn(label ?? 'no label', 16),
    plain(model ?? ''),
  ].join(' ');
}
