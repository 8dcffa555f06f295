import { request, withNotices } from '../change.ts';
import { line, type Size } from '../kit/frame.ts';
import type { Key } from '../kit/keys.ts';
import { LIST_START, type List, moveInList, selectedOf, viewList } from '../kit/list.ts';
import { column } from '../kit/text.ts';
import type { Screen, State, Step } from '../state.ts';
import { show } from '../steps.ts';
import { type Body, body } from './body.ts';
import { bodyRows } from './room.ts';

/** Creates the screen of keyboard layouts. */
export function keyboardScreen(list: List = LIST_START): Screen {
  return {
    facts: ['keyboard'],
    takesText: false,
    view: (state, room) => viewKeyboard(state, list, room),
    onKey: (state, key) => onKeyboardKey(state, list, key),
  };
}

function onKeyboardKey(state: State, list: List, key: Key): Step {
  const layouts = state.facts.keyboard.value?.layouts ?? [];
  const chosen = selectedOf(list, layouts);
  if (chosen !== undefined && key.name === 'enter') return choose(state, chosen.name);
  const size = { length: layouts.length, page: bodyRows(state.size) };
  return show(state, keyboardScreen(moveInList(list, key, size)));
}

function choose(state: State, name: string): Step {
  return request(state, {
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
  if (value === null) return body(title, 'Esc Back', [line(problem ?? '...')]);
  const above = [line('Of the keyboard at the screen; a serial line gets characters.'), line('')];
  const entries = value.layouts.map(
    (layout) =>
      `${layout.name === value.chosen ? '*' : ' '} ${column(layout.name, 4)} ${layout.title}`,
  );
  const rows = Math.max(room.rows - above.length, 1);
  return body(title, 'Enter Take it   Esc Back', [
    ...above,
    ...viewList(list, entries, { ...room, rows }),
  ]);
}
