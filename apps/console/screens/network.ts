import { line, type Size } from '../kit/frame.ts';
import { type Key, letter } from '../kit/keys.ts';
import { LIST_START, type List, moveInList, selectedOf, viewList } from '../kit/list.ts';
import { interfaceText } from '../report/network.ts';
import type { Screen, State, Step } from '../state.ts';
import { enter, show } from '../steps.ts';
import { type Body, body, missingText } from './body.ts';
import { currentNetwork } from './current-network.ts';
import { interfaceCommands, interfaceScreen, lookForWifi } from './interface.ts';
import { detailLines } from './interface-details.ts';
import { enterReach } from './reach.ts';
import { bodyRows } from './room.ts';

/** Screen with the interfaces, the first one selected. */
export const NETWORK = networkScreen(LIST_START);

function networkScreen(list: List): Screen {
  return {
    facts: ['network'],
    takesText: false,
    view: (state, room) => viewNetwork(state, list, room),
    onKey: (state, key) => onNetworkKey(state, list, key),
  };
}

function onNetworkKey(state: State, list: List, key: Key): Step {
  if (letter(key) === 't') return enterReach(state);
  const network = state.facts.network.value;
  const interfaces = network?.interfaces ?? [];
  const one = selectedOf(list, interfaces);
  if (network !== null && one !== undefined) {
    if (key.name === 'enter') return enter(state, interfaceScreen(one.name));
    const command = interfaceCommands(one, network).find((each) => each.letter === letter(key));
    if (command !== undefined) return command.run(state);
    if (letter(key) === 'w') return lookForWifi(state, one);
  }
  const size = { length: interfaces.length, page: bodyRows(state.size) };
  return show(state, networkScreen(moveInList(list, key, size)));
}

/** Draws the interfaces, and details of the selected one. */
function viewNetwork(state: State, selected: List, room: Size): Body {
  const { problem } = state.facts.network;
  const value = currentNetwork(state);
  const keys = 'Enter More   s Static   d DHCP   w WiFi   t Test   Esc Back';
  if (value === null) {
    return body('Network', 'Esc Back', [line(missingText('The network is being read', problem))]);
  }
  if (value.interfaces.length === 0) {
    return body('Network', 'Esc Back', [line('No network card was found.')]);
  }
  const list = viewList(selected, value.interfaces.map(interfaceText), {
    columns: room.columns,
    rows: Math.max(room.rows - 10, 3),
  });
  const one = selectedOf(selected, value.interfaces);
  const details = one === undefined ? [] : detailLines(one, value, room.columns);
  return body('Network', keys, [...list, line(''), ...details]);
}
