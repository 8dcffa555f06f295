import type { Interface, Network } from '../../api/network.ts';
import { makeOffCommand, removeCommand } from '../../network/change.ts';
import { confirm, runWork, showMessage } from '../dialogs.ts';
import { line } from '../kit/frame.ts';
import { LIST_START, type List } from '../kit/list.ts';
import type { Screen, State, Step } from '../state.ts';
import { enter, show } from '../steps.ts';
import { createBody } from './body.ts';
import { type Command, drawCommands, findCommand } from './command.ts';
import { computeCurrentNetwork } from './current-network.ts';
import { createDhcpScreen } from './dhcp.ts';
import { describeDetails } from './interface-details.ts';
import { createIpv6Screen } from './ipv6.ts';
import { chooseDefaultKeep } from './keep.ts';
import { createBondScreen, createBridgeScreen, createVlanScreen } from './links.ts';
import { createMtuScreen } from './mtu.ts';
import { makeChange, requestConfirmation } from './network-change.ts';
import { createRoutesScreen } from './routes.ts';
import { createStaticScreen } from './static.ts';
import { createWifiScreen } from './wifi.ts';

/** Milliseconds that a scan for WiFi networks may take. */
const SCAN_LIMIT = 30_000;

/** Returns the commands for an interface. */
export function listInterfaceCommands(one: Interface, network: Network): Command[] {
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
      run: (state) => enter(state, createStaticScreen(one, network)),
    },
    { letter: 'd', text: 'DHCP', run: (state) => enter(state, createDhcpScreen(name, network)) },
    { letter: 'i', text: 'IPv6', run: (state) => enter(state, createIpv6Screen(one, network)) },
    { letter: 'o', text: 'No IPv4 address', run: (state) => askForNone(state, name, network) },
    { letter: 'm', text: 'MTU', run: (state) => enter(state, createMtuScreen(one, network)) },
    { letter: 'r', text: 'Routes', run: (state) => enter(state, createRoutesScreen(one, network)) },
    kind === 'wifi' && {
      letter: 'w',
      text: 'Choose a WiFi network',
      run: (state) => lookForWifi(state, one),
    },
    kind !== 'wifi' && {
      letter: 'b',
      text: 'New bridge with this interface',
      run: (state) => enter(state, createBridgeScreen(name, network)),
    },
    kind !== 'wifi' && {
      letter: 'n',
      text: 'New bond with this interface',
      run: (state) => enter(state, createBondScreen(name, network)),
    },
    kind !== 'wifi' && {
      letter: 'v',
      text: 'New VLAN on this interface',
      run: (state) => enter(state, createVlanScreen(name, network)),
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
export function createInterfaceScreen(name: string, list: List = LIST_START): Screen {
  const find = (state: State) =>
    computeCurrentNetwork(state)?.interfaces.find((one) => one.name === name);
  const title = `Network: ${name}`;
  return {
    facts: ['network'],
    takesText: false,
    view: (state, room) => {
      const [one, network] = [find(state), state.facts.network.value];
      if (one === undefined || network === null) {
        const why = state.facts.network.problem ?? `There is no interface ${name} now.`;
        return createBody(title, 'Esc Back', [line(why)]);
      }
      return createBody(title, 'Enter or letter Do it   Esc Back', [
        ...describeDetails(one, network, room.columns),
        line(''),
        ...drawCommands(list, listInterfaceCommands(one, network), room),
      ]);
    },
    onKey: (state, key) => {
      const [one, network] = [find(state), state.facts.network.value];
      if (one === undefined || network === null)
        return show(state, createInterfaceScreen(name, list));
      const chosen = findCommand(list, listInterfaceCommands(one, network), key);
      if ('command' in chosen) return chosen.command.run(state);
      return show(state, createInterfaceScreen(name, chosen.list));
    },
  };
}

/** Scans for WiFi networks, and shows them. */
export function lookForWifi(state: State, { name, kind }: Interface): Step {
  if (kind !== 'wifi') return showMessage(state, 'No WiFi', `${name} is not a WiFi interface.`);
  return runWork(state, {
    title: `Looking for WiFi networks on ${name}`,
    limit: SCAN_LIMIT,
    facts: [],
    run: async (deps, signal) => {
      const found = await deps.scanWifi(name, signal);
      return (now) => enter(now, createWifiScreen(name, found));
    },
  });
}

function askForNone(state: State, name: string, network: Network): Step {
  const lasting = { keep: chooseDefaultKeep(network) };
  return confirm(state, {
    title: `No IPv4 address on ${name}?`,
    text: 'Its IPv4 address, routes and name servers are removed. The machine can no longer be reached by them.',
    next: (sure) =>
      makeChange(sure, {
        title: `Removing IPv4 from ${name}`,
        name,
        command: makeOffCommand(name, lasting),
        lasting,
      }),
  });
}

function askToRemove(state: State, name: string): Step {
  return confirm(state, {
    title: `Remove ${name}?`,
    text: 'Its first port takes over its address and routes.',
    next: (sure) =>
      makeChange(sure, {
        title: `Removing ${name}`,
        name,
        command: removeCommand(name),
        lasting: { keep: 'persistent' },
      }),
  });
}
