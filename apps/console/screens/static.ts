import type { Interface, Network } from '../../api/network.ts';
import { staticCommand } from '../../network/change.ts';
import { textField, type Values } from '../kit/field.ts';
import type { Screen, State, Step } from '../state.ts';
import { stay } from '../steps.ts';
import { isHostAddress, isInSubnet, isNameServer, isSubnetEnd, toSubnet } from './address.ts';
import { formScreen } from './form.ts';
import { confirmField, keepField, toLasting, usualKeep } from './keep.ts';
import { toList } from './link-rules.ts';
import { makeChange } from './network-change.ts';

type Name = 'address' | 'gateway' | 'dns' | 'keep' | 'confirm';

/** The C library uses no more than these. */
const MOST_NAME_SERVERS = 3;

/** Fields of a static address. */
const FIELDS = [
  textField<Name>({
    name: 'address',
    label: 'Address',
    hint: 'such as 10.0.0.7/24',
    problem: ({ address }) => {
      const subnet = toSubnet(address);
      if (subnet === null) return 'An address and a prefix, such as 10.0.0.7/24.';
      return isSubnetEnd(subnet) ? 'This is the first or last address of its subnet.' : null;
    },
  }),
  textField<Name>({
    name: 'gateway',
    label: 'Gateway',
    hint: 'an address in the same subnet, or nothing',
    problem: gatewayProblem,
  }),
  textField<Name>({
    name: 'dns',
    label: 'DNS servers',
    hint: 'at most three addresses with commas, or nothing',
    problem: ({ dns }) => {
      const servers = toList(dns);
      const wrong = servers.find((server) => !isNameServer(server));
      if (wrong !== undefined) return `Not an address: ${wrong === '' ? '(nothing)' : wrong}`;
      return servers.length > MOST_NAME_SERVERS ? 'At most three.' : null;
    },
  }),
  keepField,
  confirmField,
] as const;

function gatewayProblem({ address, gateway }: Values<Name>): string | null {
  if (gateway === '') return null;
  if (!isHostAddress(gateway)) return 'An address, such as 10.0.0.1, or nothing.';
  const subnet = toSubnet(address);
  if (subnet === null) return null;
  if (!isInSubnet(gateway, subnet)) return `Outside ${address}.`;
  if (gateway === subnet.address) return 'This is the machine itself.';
  const isEnd = isSubnetEnd({ address: gateway, prefix: subnet.prefix });
  return isEnd ? 'This is the first or last address of the subnet.' : null;
}

/** Creates the form for a static address, filled with the interface's present configuration. */
export function staticScreen(one: Interface, network: Network): Screen {
  const [now] = one.addresses;
  return formScreen<Name>(
    {
      title: `Network: static address on ${one.name}`,
      purpose: ['The change is tried before it is kept; if it fails, the old address comes back.'],
      fields: FIELDS,
      facts: ['network'],
      send: (state, values) => setStatic(state, one.name, values),
    },
    {
      address: now === undefined ? '' : `${now.address}/${now.prefix}`,
      gateway: one.gateway ?? '',
      dns: one.dns.filter(isNameServer).slice(0, MOST_NAME_SERVERS).join(','),
      keep: usualKeep(network),
      confirm: 'yes',
    },
  );
}

function setStatic(state: State, name: string, values: Values<Name>): Step {
  const subnet = toSubnet(values.address);
  if (subnet === null) return stay(state);
  const lasting = toLasting(values);
  const gateway = values.gateway === '' ? null : values.gateway;
  const wanted = { interface: name, ...subnet, gateway, dns: toList(values.dns) };
  return makeChange(state, {
    title: `Setting ${subnet.address} on ${name}`,
    name,
    command: staticCommand(wanted, lasting),
    lasting,
  });
}
