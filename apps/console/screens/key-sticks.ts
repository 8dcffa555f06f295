import { work } from '../dialogs.ts';
import { line, type Size } from '../kit/frame.ts';
import type { Key } from '../kit/keys.ts';
import { LIST_START, type List, moveInList, selectedOf, viewList } from '../kit/list.ts';
import { wrap } from '../kit/text.ts';
import type { Screen, State, Step } from '../state.ts';
import { enter, show } from '../steps.ts';
import { type Body, body } from './body.ts';
import { foundKeysScreen } from './found-keys.ts';
import { bodyRows } from './room.ts';
import { stickText } from './support.ts';

/** Milliseconds. */
const LIMIT = 60_000;

/** Sticks that may have keys. */
export function keySticksScreen(list: List = LIST_START): Screen {
  return {
    facts: ['sticks'],
    takesText: false,
    view: (state, room) => viewSticks(state, list, room),
    onKey: (state, key) => onSticksKey(state, list, key),
  };
}

function onSticksKey(state: State, list: List, key: Key): Step {
  const sticks = state.facts.sticks.value ?? [];
  const chosen = selectedOf(list, sticks);
  if (chosen !== undefined && key.name === 'enter') {
    return work(state, {
      title: `Looking for keys on ${chosen.path}`,
      limit: LIMIT,
      facts: ['sticks'],
      run: async (deps, signal) => {
        const keys = await deps.stickKeys(chosen.path, signal);
        return (now) => enter(now, foundKeysScreen(chosen.path, keys));
      },
    });
  }
  const size = { length: sticks.length, page: bodyRows(state.size) };
  return show(state, keySticksScreen(moveInList(list, key, size)));
}

function viewSticks({ facts }: State, list: List, room: Size): Body {
  const { value, problem } = facts.sticks;
  const title = 'SSH: keys from a stick';
  const purpose =
    'Keys are looked for in the top folder of a stick: in authorized_keys, and in files called *.pub.';
  const above = [...wrap(purpose, room.columns).map(line), line('')];
  if (value === null || value.length === 0) {
    const none = 'There is no stick with a FAT or ext4 file system. One that is put in is seen.';
    const unread = problem === null ? 'Sticks are being looked for ...' : `Not known: ${problem}`;
    const text = value === null ? unread : none;
    return body(title, 'Esc Back', [...above, ...wrap(text, room.columns).map(line)]);
  }
  const rows = Math.max(room.rows - above.length, 1);
  return body(title, 'Enter Look for keys   Esc Back', [
    ...above,
    ...viewList(list, value.map(stickText), { ...room, rows }),
  ]);
}
