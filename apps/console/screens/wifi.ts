import type { HeardNetwork } from '../../network/scan.ts';
import { line, type Size } from '../kit/frame.ts';
import { type Key, letter } from '../kit/keys.ts';
import { LIST_START, moveInList, selectedOf, viewList } from '../kit/list.ts';
import { column } from '../kit/text.ts';
import type { ScreenOf, State } from '../state.ts';
import { type Step, show } from '../steps.ts';
import { backToNetwork } from './back.ts';
import { type Body, body } from './body.ts';
import { openJoinForm } from './join.ts';
import { bodyRows } from './room.ts';

/** The WiFi networks that an interface has found. */
export function wifiScreen(
  interfaceName: string,
  found: readonly HeardNetwork[],
): ScreenOf<'wifi'> {
  return { name: 'wifi', interface: interfaceName, found, list: LIST_START };
}

export function onWifiKey(state: State, screen: ScreenOf<'wifi'>, key: Key): Step {
  if (key.name === 'escape') return backToNetwork(state);
  if (letter(key) === 'o') return show(state, openJoinForm(screen.interface, '', state));
  if (key.name === 'enter') {
    const chosen = selectedOf(screen.list, screen.found);
    return show(state, openJoinForm(screen.interface, chosen?.ssid ?? '', state));
  }
  const size = { length: screen.found.length, page: bodyRows(state.size) };
  return show(state, { ...screen, list: moveInList(screen.list, key, size) });
}

export function viewWifi(_state: State, screen: ScreenOf<'wifi'>, room: Size): Body {
  const title = `Network: WiFi on ${screen.interface}`;
  if (screen.found.length === 0) {
    return body(title, 'o Other name   Esc Back', [line('No network is in reach.')]);
  }
  const entries = screen.found.map(
    ({ ssid, signal, security }) => `${column(ssid, 34)} ${column(security, 10)} ${signal} dBm`,
  );
  return body(title, 'Enter Join   o Other name   Esc Back', viewList(screen.list, entries, room));
}
