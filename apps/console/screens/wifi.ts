import type { HeardNetwork } from '../../network/scan.ts';
import { line, type Size } from '../kit/frame.ts';
import { type Key, letter } from '../kit/keys.ts';
import { LIST_START, type List, moveInList, selectedOf, viewList } from '../kit/list.ts';
import { column } from '../kit/text.ts';
import type { Screen, State, Step } from '../state.ts';
import { enter, show } from '../steps.ts';
import { type Body, body } from './body.ts';
import { joinScreen } from './join.ts';
import { bodyRows } from './room.ts';

/** Creates the screen of found WiFi networks. */
export function wifiScreen(
  interfaceName: string,
  found: readonly HeardNetwork[],
  list: List = LIST_START,
): Screen {
  const onKey = (state: State, key: Key): Step => {
    if (letter(key) === 'o') return enter(state, joinScreen(interfaceName, '', state));
    if (key.name === 'enter') {
      const chosen = selectedOf(list, found);
      return enter(state, joinScreen(interfaceName, chosen?.ssid ?? '', state));
    }
    const size = { length: found.length, page: bodyRows(state.size) };
    return show(state, wifiScreen(interfaceName, found, moveInList(list, key, size)));
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
    return body(title, 'o Other name   Esc Back', [line('No network is in reach.')]);
  }
  const entries = found.map(
    ({ ssid, signal, security }) => `${column(ssid, 34)} ${column(security, 10)} ${signal} dBm`,
  );
  return body(title, 'Enter Join   o Other name   Esc Back', viewList(list, entries, room));
}
