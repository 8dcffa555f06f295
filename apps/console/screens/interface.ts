import type { Interface, Network } from '../../api/network.ts';
import { offCommand, removeCommand } from '../../network/change.ts';
import { confirm, tell, work } from '../dialogs.ts';
import { line } from '../kit/frame.ts';
import { LIST_START, type List } from '../kit/list.ts';
import type { Screen, State, Step } from '../state.ts';
import { enter, show } from '../steps.ts';
import { body } from './body.ts';
import { type Command, commandOf, viewCommands } from './command.ts';
import { currentNetwork } from './current-network.ts';
import { dhcpScreen } from './dhcp.ts';
import { detailLines } from './interface-details.ts';
import { ipv6Screen } from './ipv6.ts';
import { usualKeep } from './keep.ts';
import { bondScreen, bridgeScreen, vlanScreen } from './links.ts';
import { mtuScreen } from './mtu.ts';
import { makeChange, requestConfirmation } from './network-change.ts';
import { routesScreen } from './routes.ts';
import { staticScreen } from './static.ts';
import { wifiScreen } from './wifi.ts';

/** Milliseconds that a scan for WiFi networks may take. */
const SCAN_LIMIT = 30_000;

/** Returns the commands for an interface. */
export function interfaceCommands(one: Interface, network: Network): Command[] {
  const { name, kind, type } = one;
  const commands: (Command | false)[] = [
    one.confirm !== null && {
      letter: 'c',
      text: 'Confirm the change that is on trial',
      run: (state) => requestConfirmation(state, name),
    },
    {
      letter: 's',
      text: 'Static address',
      run: (state) => enter(state, staticScreen(one, network)),
    },
    { letter: 'd', text: 'DHCP', run: (state) => enter(state, dhcpScreen(name, network)) },
    { letter: 'i', text: 'IPv6', run: (state) => enter(state, ipv6Screen(one, network)) },
    { letter: 'o', text: 'No IPv4 address', run: (state) => askForNone(state, name, network) },
    { letter: 'm', text: 'MTU', run: (state) => enter(state, mtuScreen(one, network)) },
    { letter: 'r', text: 'Routes', run: (state) => enter(state, routesScreen(one, network)) },
    kind === 'wifi' && {
      letter: 'w',
      text: 'WiFi networks in reach',
      run: (state) => lookForWifi(state, one),
    },
    kind !== 'wifi' && {
      letter: 'b',
      text: 'New bridge over it',
      run: (state) => enter(state, bridgeScreen(name, network)),
    },
    kind !== 'wifi' && {
      letter: 'n',
      text: 'New bond of it and others',
      run: (state) => enter(state, bondScreen(name, network)),
    },
    kind !== 'wifi' && {
      letter: 'v',
      text: 'New VLAN on it',
      run: (state) => enter(state, vlanScreen(name, network)),
    },
    type !== null && {
      letter: 'x',
      text: `Remove this ${type}`,
      run: (state) => askToRemove(state, name),
    },
  ];
  return commands.filter((command) => command !== false);
}

/** Creates the screen of an interface, with its commands and details. */
export function interfaceScreen(name: string, list: List = LIST_START): Screen {
  const find = (state: State) => currentNetwork(state)?.interfaces.find((one) => one.name === name);
  const title = `Network: ${name}`;
  return {
    facts: ['network'],
    takesText: false,
    view: (state, room) => {
      const [one, network] = [find(state), state.facts.network.value];
      if (one === undefined || network === null) {
        const why = state.facts.network.problem ?? `There is no interface ${name} now.`;
        return body(title, 'Esc Back', [line(why)]);
      }
      return body(title, 'Enter or letter Do it   Esc Back', [
        ...detailLines(one, network, room.columns),
        line(''),
        ...viewCommands(list, interfaceCommands(one, network), room),
      ]);
    },
    onKey: (state, key) => {
      const [one, network] = [find(state), state.facts.network.value];
      if (one === undefined || network === null) return show(state, interfaceScreen(name, list));
      const chosen = commandOf(list, interfaceCommands(one, network), key);
      if ('command' in chosen) return chosen.command.run(state);
      return show(state, interfaceScreen(name, chosen.list));
    },
  };
}

/** Scans for WiFi networks, and shows them. */
export function lookForWifi(state: State, { name, kind }: Interface): Step {
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

function askForNone(state: State, name: string, network: Network): Step {
  const lasting = { keep: usualKeep(network) };
  return confirm(state, {
    title: `No IPv4 address on ${name}?`,
    text: 'Address, routes and name servers of IPv4 go. The machine is not reached by them any more.',
    next: (sure) =>
      makeChange(sure, {
        title: `Taking IPv4 off ${name}`,
        name,
        command: offCommand(name, lasting),
        lasting,
      }),
  });
}

function askToRemove(state: State, name: string): Step {
  return confirm(state, {
    title: `Remove ${name}?`,
    text: 'Its address and routes are those of its first port then.',
    next: (sure) =>
      makeChange(sure, {
        title: `Removing ${name}`,
        name,
        command: removeCommand(name),
        lasting: { keep: 'persistent' },
      }),
  });
}
