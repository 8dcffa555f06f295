import type { FleetAddress } from '../../api/address.ts';
import type { Interface, Network } from '../../api/network.ts';
import { requestChange } from '../change.ts';
import { createChoiceField } from '../kit/field.ts';
import { line, type Size } from '../kit/frame.ts';
import { getLetter, type Key } from '../kit/keys.ts';
import { wrap } from '../kit/text.ts';
import type { Row } from '../report/row.ts';
import type { Screen, State, Step } from '../state.ts';
import { enter, stay } from '../steps.ts';
import { type Body, createBody, explainMissing, formatRows } from './body.ts';
import { createFormScreen } from './form.ts';
import { ADDRESS_FIELDS, readPresentAddress, toStaticAddress } from './static.ts';

const TITLE = 'Address for hosts';

/** Width of the labels, in cells. */
const LABELS = 16;

/** Facts that a change affects. */
const FACTS = ['address', 'network', 'host'] as const;

/** Screen with the addresses at which hosts find the control plane. */
export const FLEET_ADDRESS: Screen = {
  facts: ['address', 'network'],
  takesText: false,
  view: viewAddress,
  onKey: onAddressKey,
};

function onAddressKey(state: State, key: Key): Step {
  const { address, network } = state.facts;
  const isPlanned = address.value !== null && address.value.planned.length > 0;
  if (isPlanned && getLetter(key) === 'w') {
    return requestChange(state, {
      title: 'Withdrawing the planned address',
      facts: ['address'],
      leads: 'stay',
      run: async (deps, signal) => {
        await deps.withdrawAddress(signal);
        return 'Hosts have the present addresses only.';
      },
    });
  }
  const addressed = addressedInterfaces(network.value);
  const [first] = addressed;
  if (getLetter(key) !== 'c' || address.value === null || first === undefined) return stay(state);
  return enter(state, changeScreen(addressed, first));
}

/** Returns the interfaces that have an IPv4 address. */
function addressedInterfaces(network: Network | null): Interface[] {
  return network?.interfaces.filter(({ addresses }) => addresses.length > 0) ?? [];
}

/** Creates the form for another address, filled with that of the first interface. */
function changeScreen(addressed: readonly Interface[], first: Interface): Screen {
  return createFormScreen<'interface' | 'address' | 'gateway' | 'dns' | 'unaware'>(
    {
      title: `${TITLE}: another one`,
      purpose: [
        'Hosts get the new address first. It stays if all of them connect to it, and is undone otherwise: that takes up to two minutes.',
      ],
      fields: [
        createChoiceField({
          name: 'interface',
          label: 'Interface',
          choices: addressed.map(({ name }) => ({ value: name, label: name })),
        }),
        ...ADDRESS_FIELDS,
        createChoiceField({
          name: 'unaware',
          label: 'If a host is off',
          choices: [
            { value: 'stop', label: 'change nothing' },
            { value: 'continue', label: 'continue: it finds the address later' },
          ],
        }),
      ],
      facts: ['network'],
      send: (state, values) => {
        const wanted = toStaticAddress(values.interface, values);
        if (wanted === null) return stay(state);
        const isUrgent = values.unaware === 'continue';
        return requestChange(state, {
          title: `Changing the address to ${wanted.address}`,
          facts: FACTS,
          leads: 'back',
          run: async (deps, signal) =>
            (await deps.changeAddress({ ...wanted, isUrgent }, signal)).join(' '),
        });
      },
    },
    { interface: first.name, ...readPresentAddress(first), unaware: 'stop' },
  );
}

function viewAddress({ facts }: State, { columns }: Size): Body {
  const { value, problem } = facts.address;
  if (value === null) {
    const text = explainMissing('The control plane is being asked', problem);
    return createBody(TITLE, 'Esc Back', wrap(text, columns).map(line));
  }
  const withdraw = value.planned.length > 0 ? 'w Withdraw   ' : '';
  return createBody(
    TITLE,
    `c Change   ${withdraw}Esc Back`,
    formatRows(rowsOf(value), columns, LABELS),
  );
}

function rowsOf({ origins, planned, nodes }: FleetAddress): Row[] {
  const byAddress = Map.groupBy(
    nodes.filter(({ isHeard }) => isHeard),
    ({ over }) => over ?? 'not known',
  );
  const silent = nodes.filter(({ isHeard }) => !isHeard);
  const unaware = nodes.filter(({ isHeard, isAware }) => isHeard && !isAware);
  const names = (hosts: typeof nodes) => hosts.map(({ hostname }) => hostname).join(', ');
  return [
    { label: 'Hosts are given', text: origins.join(', ') || 'no address' },
    ...(planned.length === 0 ? [] : [{ label: 'Planned', text: planned.join(', ') }]),
    ...[...byAddress].map(([address, hosts]) => ({
      label: 'Connected',
      text: `${hosts.length} to ${address}`,
    })),
    ...(unaware.length === 0 ? [] : [{ label: 'Not confirmed', text: names(unaware) }]),
    ...(silent.length === 0 ? [] : [{ label: 'Not heard of', text: names(silent) }]),
  ];
}
