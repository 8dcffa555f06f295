import type { Interface, Network } from '../../api/network.ts';
import { type Line, line, type Size } from '../kit/frame.ts';
import { type Key, letter } from '../kit/keys.ts';
import { moveInList, selectedOf, viewList } from '../kit/list.ts';
import { wrap } from '../kit/text.ts';
import { interfaceText, ipv6Text, routeText } from '../report/network.ts';
import type { ScreenOf, State } from '../state.ts';
import { type Step, show, tell, work } from '../steps.ts';
import { type Body, body } from './body.ts';
import { openDhcpForm } from './dhcp.ts';
import { bodyRows } from './room.ts';
import { openStaticForm } from './static.ts';

/** A key in the list of interfaces. */
export function onNetworkKey(state: State, screen: ScreenOf<'network'>, key: Key): Step {
  const network = state.facts.network.value;
  const interfaces = network?.interfaces ?? [];
  const one = selectedOf(screen.list, interfaces);
  if (network !== null && one !== undefined) {
    const command = letter(key);
    if (command === 'd') return show(state, openDhcpForm(one, network));
    if (command === 's' || key.name === 'enter') return show(state, openStaticForm(one, network));
    if (command === 'w') return lookForWifi(state, one);
  }
  const size = { length: interfaces.length, page: bodyRows(state.size) };
  return show(state, { ...screen, list: moveInList(screen.list, key, size) });
}

function lookForWifi(state: State, one: Interface): Step {
  if (one.kind !== 'wifi') return tell(state, 'No WiFi', `${one.name} is not a WiFi interface.`);
  return work(state, `Looking for WiFi networks on ${one.name}`, {
    type: 'scan',
    interface: one.name,
  });
}

/** The interfaces, and what is known of the selected one. */
export function viewNetwork(state: State, screen: ScreenOf<'network'>, room: Size): Body {
  const { value, problem } = state.facts.network;
  const keys = 'd DHCP   s Static address   w WiFi   Esc Back';
  if (value === null) {
    return body('Network', 'Esc Back', [line(problem ?? 'The network is being looked at ...')]);
  }
  if (value.interfaces.length === 0) {
    return body('Network', 'Esc Back', [line('No network card was found.')]);
  }
  const list = viewList(screen.list, value.interfaces.map(interfaceText), {
    columns: room.columns,
    rows: Math.max(room.rows - 10, 3),
  });
  const one = selectedOf(screen.list, value.interfaces);
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
