import { line, type Size } from '../kit/frame.ts';
import { getLetter, type Key } from '../kit/keys.ts';
import { drawList, getSelected, LIST_START, type List, moveInList } from '../kit/list.ts';
import { describeInterface } from '../report/network.ts';
import type { Screen, State, Step } from '../state.ts';
import { enter, show } from '../steps.ts';
import { type Body, createBody, explainMissing } from './body.ts';
import { computeCurrentNetwork } from './current-network.ts';
import { createInterfaceScreen, listInterfaceCommands, lookForWifi } from './interface.ts';
import { describeDetails } from './interface-details.ts';
import { enterReach } from './reach.ts';
import { countBodyRows } from './room.ts';

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
  if (getLetter(key) === 't') return enterReach(state);
  const network = state.facts.network.value;
  const interfaces = network?.interfaces ?? [];
  const one = getSelected(list, interfaces);
  if (network !== null && one !== undefined) {
    if (key.name === 'enter') return enter(state, createInterfaceScreen(one.name));
    const command = listInterfaceCommands(one, network).find(
      (each) => each.letter === getLetter(key),
    );
    if (command !== undefined) return command.run(state);
    if (getLetter(key) === 'w') return lookForWifi(state, one);
  }
  const size = { length: interfaces.length, page: countBodyRows(state.size) };
  return show(state, networkScreen(moveInList(list, key, size)));
}

/** Draws the interfaces, and details of the selected one. */
function viewNetwork(state: State, selected: List, room: Size): Body {
  const { problem } = state.facts.network;
  const value = computeCurrentNetwork(state);
  const keys = 'Enter More   s Static   d DHCP   w WiFi   t Test   Esc Back';
  if (value === null) {
    return createBody('Network', 'Esc Back', [
      line(explainMissing('The network is being read', problem)),
    ]);
  }
  if (value.interfaces.length === 0) {
    return createBody('Network', 'Esc Back', [line('No network card was found.')]);
  }
  const list = drawList(selected, value.interfaces.map(describeInterface), {
    columns: room.columns,
    rows: Math.max(room.rows - 10, 3),
  });
  const one = getSelected(selected, value.interfaces);
  const details = one === undefined ? [] : describeDetails(one, value, room.columns);
  return createBody('Network', keys, [...list, line(''), ...details]);
}
