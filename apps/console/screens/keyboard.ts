import { requestChange, withNotices } from '../change.ts';
import { line, type Size } from '../kit/frame.ts';
import type { Key } from '../kit/keys.ts';
import { drawList, getSelected, LIST_START, type List, moveInList } from '../kit/list.ts';
import { fitColumn } from '../kit/text.ts';
import type { Screen, State, Step } from '../state.ts';
import { show } from '../steps.ts';
import { type Body, createBody } from './body.ts';
import { countBodyRows } from './room.ts';

/** Creates the screen of keyboard layouts. */
export function createKeyboardScreen(list: List = LIST_START): Screen {
  return {
    facts: ['keyboard'],
    takesText: false,
    view: (state, room) => viewKeyboard(state, list, room),
    onKey: (state, key) => onKeyboardKey(state, list, key),
  };
}

function onKeyboardKey(state: State, list: List, key: Key): Step {
  const layouts = state.facts.keyboard.value?.layouts ?? [];
  const chosen = getSelected(list, layouts);
  if (chosen !== undefined && key.name === 'enter') return choose(state, chosen.name);
  const size = { length: layouts.length, page: countBodyRows(state.size) };
  return show(state, createKeyboardScreen(moveInList(list, key, size)));
}

function choose(state: State, name: string): Step {
  return requestChange(state, {
    title: `Loading the layout ${name}`,
    facts: ['keyboard'],
    leads: 'stay',
    run: async (deps, signal) => {
      const notices = await deps.run({ program: 'qx-keyboard', args: [name] }, signal);
      return withNotices(`The layout is ${name}.`, notices);
    },
  });
}

function viewKeyboard({ facts }: State, list: List, room: Size): Body {
  const { value, problem } = facts.keyboard;
  const title = 'Keyboard layout';
  if (value === null) return createBody(title, 'Esc Back', [line(problem ?? '...')]);
  const above = [
    line('For the keyboard at this screen. Serial consoles are not affected.'),
    line(''),
  ];
  const entries = value.layouts.map(
    (layout) =>
      `${layout.name === value.chosen ? '*' : ' '} ${fitColumn(layout.name, 4)} ${layout.title}`,
  );
  const rows = Math.max(room.rows - above.length, 1);
  return createBody(title, 'Enter Use it   Esc Back', [
    ...above,
    ...drawList(list, entries, { ...room, rows }),
  ]);
}
