import type { Stick } from '../../support/sticks.ts';
import { bytes } from '../../text/amount.ts';
import { request } from '../change.ts';
import { line, type Size } from '../kit/frame.ts';
import type { Key } from '../kit/keys.ts';
import { LIST_START, type List, moveInList, selectedOf, viewList } from '../kit/list.ts';
import { column, plain, wrap } from '../kit/text.ts';
import type { Screen, State, Step } from '../state.ts';
import { show } from '../steps.ts';
import { type Body, body } from './body.ts';
import { bodyRows } from './room.ts';

/** Sticks that can take a support bundle. */
export const SUPPORT = supportScreen(LIST_START);

function supportScreen(list: List): Screen {
  return {
    facts: ['sticks', 'host'],
    takesText: false,
    view: (state, room) => viewSupport(state, list, room),
    onKey: (state, key) => onSupportKey(state, list, key),
  };
}

function onSupportKey(state: State, list: List, key: Key): Step {
  const sticks = state.facts.sticks.value ?? [];
  const chosen = selectedOf(list, sticks);
  if (chosen !== undefined && key.name === 'enter') {
    return request(state, {
      title: `Writing the support bundle to ${chosen.path}`,
      facts: ['sticks'],
      leads: 'stay',
      run: (deps, signal) => deps.writeSupport(chosen.path, signal),
    });
  }
  const size = { length: sticks.length, page: bodyRows(state.size) };
  return show(state, supportScreen(moveInList(list, key, size)));
}

function viewSupport({ facts }: State, list: List, room: Size): Body {
  const { value: sticks, problem } = facts.sticks;
  const address = facts.host.value?.managementAddress ?? 'ADDRESS';
  const purpose = [
    'Logs, versions, state and configuration of this machine, without a secret, in one file for',
    'whoever is to find out what is wrong. It goes to a stick, or over SSH:',
  ].join(' ');
  const above = [
    ...wrap(purpose, room.columns).map(line),
    line(plain(`  ssh root@${address} qx-support write >bundle.tar.gz`)),
    line(''),
  ];
  if (sticks === null) {
    const text = problem === null ? 'Sticks are being looked for ...' : `Not known: ${problem}`;
    return body('Support bundle', 'Esc Back', [...above, ...wrap(text, room.columns).map(line)]);
  }
  if (sticks.length === 0) {
    const text = 'There is no stick with a FAT or ext4 file system. One that is put in is seen.';
    return body('Support bundle', 'Esc Back', [...above, ...wrap(text, room.columns).map(line)]);
  }
  const rows = Math.max(room.rows - above.length, 3);
  return body('Support bundle', 'Enter Write to the stick   Esc Back', [
    ...above,
    ...viewList(list, sticks.map(stickText), { columns: room.columns, rows }),
  ]);
}

/** A stick in a line. */
export function stickText({ path, type, label, size, model }: Stick): string {
  return [
    column(path, 12),
    column(type, 5),
    column(bytes(size), 10),
    column(label ?? 'no label', 16),
    plain(model ?? ''),
  ].join(' ');
}
