import type { Interface, Network } from '../../api/network.ts';
import { tell, work } from '../dialogs.ts';
import { type Line, line, type Size } from '../kit/frame.ts';
import { type Key, letter } from '../kit/keys.ts';
import { LIST_START, type List, moveInList, selectedOf, viewList } from '../kit/list.ts';
import { wrap } from '../kit/text.ts';
import { interfaceText, ipv6Text, routeText } from '../report/network.ts';
import type { Screen, State, Step } from '../state.ts';
import { enter, show } from '../steps.ts';
import { type Body, body } from './body.ts';
import { dhcpScreen } from './dhcp.ts';
import { bodyRows } from './room.ts';
import { staticScreen } from './static.ts';
import { wifiScreen } from './wifi.ts';

/** Milliseconds that a look for WiFi networks may take. */
const SCAN_LIMIT = 30_000;

/** The interfaces, the first one selected. */
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
  const network = state.facts.network.value;
  const interfaces = network?.interfaces ?? [];
  const one = selectedOf(list, interfaces);
  if (network !== null && one !== undefined) {
    const command = letter(key);
    if (command === 'd') return enter(state, dhcpScreen(one, network));
    if (command === 's' || key.name === 'enter') return enter(state, staticScreen(one, network));
    if (command === 'w') return lookForWifi(state, one);
  }
  const size = { length: interfaces.length, page: bodyRows(state.size) };
  return show(state, networkScreen(moveInList(list, key, size)));
}

function lookForWifi(state: State, { name, kind }: Interface): Step {
  if (kind !== 'wifi') return tell(state, 'No WiFi', `${name} is not a WiFi interface.`);
  return work(state, {
    title: `Looking for WiFi networks on ${name}`,
    limit: SCAN_LIMIT,
    facts: [],
    run: async (deps, signal) => {
      const found = await deps.scanWifi(name, signal);
      return (now) => enter(now, wifiScreen(name, found));
    },
  });
}

/** The interfaces, and what is known of the selected one. */
function viewNetwork(state: State, selected: List, room: Size): Body {
  const { value, problem } = state.facts.network;
  const keys = 'd DHCP   s Static address   w WiFi   Esc Back';
  if (value === null) {
    return body('Network', 'Esc Back', [line(problem ?? 'The network is being looked at ...')]);
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

function detailLines(one: Interface, network: Network, columns: number): Line[] {
  const texts = [
    `Hardware address ${one.mac}, configured by ${one.source ?? 'default (DHCP)'}`,
    `Gateway ${one.gateway ?? 'none'}, DNS ${one.dns.length === 0 ? 'none' : one.dns.join(', ')}`,
    ipv6Text(one),
    ...(one.problem === null ? [] : [`Last refusal: ${one.problem}`]),
    `Preferred route: ${routeText(network)}`,
    ...network.problems,
    ...(network.persistent
      ? []
      : ['There is no disk for settings: changes last until the next restart.']),
  ];
  return texts.flatMap((text) => wrap(text, columns - 4)).map((text) => line(`  ${text}`));
}
