import type { HeardNetwork } from '../../network/scan.ts';
import { line, type Size } from '../kit/frame.ts';
import { getLetter, type Key } from '../kit/keys.ts';
import { drawList, getSelected, LIST_START, type List, moveInList } from '../kit/list.ts';
import { fitColumn } from '../kit/text.ts';
import type { Screen, State, Step } from '../state.ts';
import { enter, show } from '../steps.ts';
import { type Body, createBody } from './body.ts';
import { joinScreen } from './join.ts';
import { countBodyRows } from './room.ts';

/** Creates the screen of found WiFi networks. */
export function createWifiScreen(
  interfaceName: string,
  found: readonly HeardNetwork[],
  list: List = LIST_START,
): Screen {
  const onKey = (state: State, key: Key): Step => {
    if (getLetter(key) === 'o') return enter(state, joinScreen(interfaceName, '', state));
    if (key.name === 'enter') {
      const chosen = getSelected(list, found);
      return enter(state, joinScreen(interfaceName, chosen?.ssid ?? '', state));
    }
    const size = { length: found.length, page: countBodyRows(state.size) };
    return show(state, createWifiScreen(interfaceName, found, moveInList(list, key, size)));
  };
  return {
    facts: ['network'],
    takesText: false,
    view: (_state, room) => viewWifi({ interfaceName, found, list }, room),
    onKey,
  };
}

function viewWifi(
  {
    interfaceName,
    found,
    list,
  }: { interfaceName: string; found: readonly HeardNetwork[]; list: List },
  room: Size,
): Body {
  const title = `Network: WiFi on ${interfaceName}`;
  if (found.length === 0) {
    return createBody(title, 'o Other name   Esc Back', [line('No network was found.')]);
  }
  const entries = found.map(
    ({ ssid, signal, security }) =>
      `${fitColumn(ssid, 34)} ${fitColumn(security, 10)} ${signal} dBm`,
  );
  return createBody(title, 'Enter Join   o Other name   Esc Back', drawList(list, entries, room));
}
