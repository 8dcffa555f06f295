import type { PublicKey } from '../../services/public-key.ts';
import { requestChange, withNotices } from '../change.ts';
import { line, type Size } from '../kit/frame.ts';
import { getLetter, type Key } from '../kit/keys.ts';
import { drawList, getSelected, LIST_START, type List, moveInList } from '../kit/list.ts';
import { fitColumn, plain, wrap } from '../kit/text.ts';
import type { Screen, State, Step } from '../state.ts';
import { show } from '../steps.ts';
import { type Body, createBody } from './body.ts';
import { countBodyRows } from './room.ts';

/** Formats a key in one line, with the fingerprint for comparison by people. */
export function formatKey({ type, fingerprint, comment }: PublicKey, remark = ''): string {
  return plain(`${fitColumn(type, 10)} ${fingerprint} ${remark}${comment}`).trimEnd();
}

/** Creates the screen of found keys, of which one or all can be allowed to log in. */
export function createFoundKeysScreen(
  where: string,
  found: readonly PublicKey[],
  list: List = LIST_START,
): Screen {
  const onKey = (state: State, key: Key): Step => {
    const chosen = getSelected(list, found);
    if (getLetter(key) === 'a') return addKeys(state, found);
    if (key.name === 'enter' && chosen !== undefined) return addKeys(state, [chosen]);
    const size = { length: found.length, page: countBodyRows(state.size) };
    return show(state, createFoundKeysScreen(where, found, moveInList(list, key, size)));
  };
  return {
    facts: ['logInKeys'],
    takesText: false,
    view: (_state, room) => viewFound({ where, found, list }, room),
    onKey,
  };
}

/** Adds keys that may log in. */
export function addKeys(state: State, keys: readonly PublicKey[]): Step {
  const input = `${keys.map(({ text }) => text).join('\n')}\n`;
  const one = keys.length === 1;
  return requestChange(state, {
    title: one ? 'Adding a key' : `Adding ${keys.length} keys`,
    facts: ['logInKeys'],
    leads: 'back',
    run: async (deps, signal) => {
      const command = { program: 'qx-ssh', args: ['keys', 'add'], input } as const;
      const notices = await deps.run(command, signal);
      return withNotices(one ? 'The key may log in.' : 'The keys may log in.', notices);
    },
  });
}

function viewFound(
  { where, found, list }: { where: string; found: readonly PublicKey[]; list: List },
  room: Size,
): Body {
  const above = [...wrap(`Found on ${where}:`, room.columns).map(line), line('')];
  const rows = Math.max(room.rows - above.length, 1);
  const entries = found.map((key) => formatKey(key));
  return createBody('SSH: keys that were found', 'Enter Add it   a Add all   Esc Back', [
    ...above,
    ...drawList(list, entries, { ...room, rows }),
  ]);
}
