import type { Network } from '../../api/network.ts';
import { type Link, linkCommand } from '../../network/change.ts';
import { createChoiceField, createTextField, type Fields } from '../kit/field.ts';
import type { Screen, State, Step } from '../state.ts';
import { createFormScreen } from './form.ts';
import { chooseDefaultKeep, confirmField, keepField, toLasting } from './keep.ts';
import { findPortsProblem, isInterfaceName, isNumber, toList } from './link-rules.ts';
import { makeChange } from './network-change.ts';

type Lasts = 'keep' | 'confirm';
type Bridge = 'name' | 'ports' | Lasts;
type Bond = 'name' | 'ports' | 'mode' | Lasts;
type Vlan = 'name' | 'link' | 'id' | Lasts;

const nameField = createTextField({
  name: 'name',
  label: 'Name',
  hint: 'letters, digits, . _ and -, at most 15',
  problem: ({ name }) => (isInterfaceName(name) ? null : 'Letters, digits, . _ and -, at most 15.'),
});

const BRIDGE: Fields<Bridge> = [
  nameField,
  createTextField<Bridge>({
    name: 'ports',
    label: 'Ports',
    hint: 'interfaces with commas; empty for guests only',
    problem: ({ ports }) => findPortsProblem(ports),
  }),
  keepField,
  confirmField,
];

const BOND: Fields<Bond> = [
  nameField,
  createTextField<Bond>({
    name: 'ports',
    label: 'Ports',
    hint: 'interfaces with commas, such as eth1,eth2',
    problem: ({ ports }) =>
      toList(ports).length === 0 ? 'At least one interface.' : findPortsProblem(ports),
  }),
  createChoiceField<Bond>({
    name: 'mode',
    label: 'Mode',
    choices: [
      { value: 'active-backup', label: 'active-backup: any switch' },
      { value: '802.3ad', label: '802.3ad (LACP): the switch too' },
    ],
  }),
  keepField,
  confirmField,
];

const VLAN: Fields<Vlan> = [
  nameField,
  createTextField<Vlan>({
    name: 'link',
    label: 'On',
    hint: 'a card, a bond or a bridge',
    problem: ({ link }) => (isInterfaceName(link) ? null : 'The name of an interface.'),
  }),
  createTextField<Vlan>({
    name: 'id',
    label: 'VLAN',
    hint: '1 to 4094',
    problem: ({ id }) => (isNumber(id, 1, 4094) ? null : 'A number from 1 to 4094.'),
  }),
  keepField,
  confirmField,
];

/** Creates the form for a new bridge with an interface as its port. */
export function createBridgeScreen(port: string, network: Network): Screen {
  return createFormScreen<Bridge>(
    {
      title: 'Network: new bridge',
      purpose: [
        'Connects guests to the network. It takes over the address, routes and name servers of its first port.',
      ],
      fields: BRIDGE,
      facts: ['network'],
      send: (state, values) =>
        make(state, { type: 'bridge', name: values.name, ports: toList(values.ports) }, values),
    },
    { name: freeName('br', network), ports: port, ...lasting(network) },
  );
}

/** Creates the form for a new bond. */
export function createBondScreen(port: string, network: Network): Screen {
  return createFormScreen<Bond>(
    {
      title: 'Network: new bond',
      purpose: [
        'Joins several cards into one. It takes over the address, routes and name servers of its first port.',
      ],
      fields: BOND,
      facts: ['network'],
      send: (state, values) => {
        const { name, ports, mode } = values;
        return make(state, { type: 'bond', name, ports: toList(ports), mode }, values);
      },
    },
    { name: freeName('bond', network), ports: port, mode: 'active-backup', ...lasting(network) },
  );
}

/** Creates the form for a new VLAN on an interface. */
export function createVlanScreen(link: string, network: Network): Screen {
  return createFormScreen<Vlan>(
    {
      title: 'Network: new VLAN',
      purpose: ['A separate interface for one VLAN; it gets its address by DHCP.'],
      fields: VLAN,
      facts: ['network'],
      send: (state, values) => {
        const { name, link: on, id } = values;
        return make(state, { type: 'vlan', name, link: on, id: Number(id) }, values);
      },
    },
    { name: freeName('vlan', network), link, id: '', ...lasting(network) },
  );
}

function make(state: State, link: Link, values: Readonly<Record<Lasts, string>>): Step {
  const lasts = toLasting(values);
  return makeChange(state, {
    title: `Making ${link.name}`,
    name: link.name,
    command: linkCommand(link, lasts),
    lasting: lasts,
  });
}

function lasting(network: Network): Record<Lasts, string> {
  return { keep: chooseDefaultKeep(network), confirm: 'yes' };
}

/** Returns the first numbered name that no interface has. */
function freeName(prefix: string, { interfaces }: Network): string {
  let number = 0;
  while (interfaces.some(({ name }) => name === `${prefix}${number}`)) number += 1;
  return `${prefix}${number}`;
}
