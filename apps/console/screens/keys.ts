import type { PublicKey } from '../../services/public-key.ts';
import { requestChange, withNotices } from '../change.ts';
import { confirm } from '../dialogs.ts';
import { line, type Size } from '../kit/frame.ts';
import { getLetter, type Key } from '../kit/keys.ts';
import { drawList, getSelected, LIST_START, type List, moveInList } from '../kit/list.ts';
import type { Screen, State, Step } from '../state.ts';
import { enter, show } from '../steps.ts';
import { type Body, createBody } from './body.ts';
import { formatKey } from './found-keys.ts';
import { createKeyFormScreen, createKeyUrlScreen } from './key-forms.ts';
import { KEY_STICKS } from './key-sticks.ts';
import { countBodyRows } from './room.ts';

/** Creates the screen of keys that may log in as root. */
export function createKeysScreen(list: List = LIST_START): Screen {
  return {
    facts: ['logInKeys'],
    takesText: false,
    view: (state, room) => viewKeys(state, list, room),
    onKey: (state, key) => onKeysKey(state, list, key),
  };
}

function onKeysKey(state: State, list: List, key: Key): Step {
  const keys = state.facts.logInKeys.value ?? [];
  switch (getLetter(key)) {
    case 'a':
      return enter(state, createKeyFormScreen());
    case 's':
      return enter(state, KEY_STICKS);
    case 'u':
      return enter(state, createKeyUrlScreen());
    case 'x': {
      const chosen = getSelected(list, keys);
      if (chosen !== undefined) return askToRemove(state, chosen, keys.length);
    }
  }
  const size = { length: keys.length, page: countBodyRows(state.size) };
  return show(state, createKeysScreen(moveInList(list, key, size)));
}

function askToRemove(state: State, { fingerprint, comment }: PublicKey, count: number): Step {
  const last = count === 1 ? ' It is the last one: nobody can log in by SSH then.' : '';
  return confirm(state, {
    title: `Remove the key ${fingerprint}?`,
    text: `${comment === '' ? 'It has no comment.' : comment}${last}`,
    next: (sure) =>
      requestChange(sure, {
        title: 'Removing a key',
        facts: ['logInKeys'],
        leads: 'stay',
        run: async (deps, signal) => {
          const args = ['keys', 'remove', fingerprint];
          const notices = await deps.run({ program: 'qx-ssh', args }, signal);
          return withNotices('The key is removed. Open sessions continue.', notices);
        },
      }),
  });
}

function viewKeys(state: State, list: List, room: Size): Body {
  const { value, problem } = state.facts.logInKeys;
  const title = 'SSH: keys';
  if (value === null) return createBody(title, 'Esc Back', [line(problem ?? '...')]);
  const keys = 'a Add   s From a stick   u From a URL   x Remove   Esc Back';
  const none = 'No key may log in: nobody can use SSH.';
  if (value.length === 0) return createBody(title, keys, [line(none)]);
  const entries = value.map((key) => formatKey(key, key.kept ? '' : '(session) '));
  return createBody(title, keys, drawList(list, entries, room));
}
