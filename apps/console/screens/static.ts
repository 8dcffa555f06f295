import type { Interface, Network } from '../../api/network.ts';
import { makeStaticCommand, type StaticAddress } from '../../network/change.ts';
import { createTextField, type Values } from '../kit/field.ts';
import type { Screen, State, Step } from '../state.ts';
import { stay } from '../steps.ts';
import { isHostAddress, isInSubnet, isNameServer, isSubnetEnd, toSubnet } from './address.ts';
import { createFormScreen } from './form.ts';
import { chooseDefaultKeep, confirmField, keepField, toLasting } from './keep.ts';
import { toList } from './link-rules.ts';
import { makeChange } from './network-change.ts';

type AddressName = 'address' | 'gateway' | 'dns';
type Name = AddressName | 'keep' | 'confirm';

/** Largest number of name servers that the C library uses. */
const MOST_NAME_SERVERS = 3;

/** Fields of a static IPv4 address. */
export const ADDRESS_FIELDS = [
  createTextField<AddressName>({
    name: 'address',
    label: 'Address',
    hint: 'such as 10.0.0.7/24',
    problem: ({ address }) => {
      const subnet = toSubnet(address);
      if (subnet === null) return 'An address and a prefix, such as 10.0.0.7/24.';
      return isSubnetEnd(subnet) ? 'This is the first or last address of its subnet.' : null;
    },
  }),
  createTextField<AddressName>({
    name: 'gateway',
    label: 'Gateway',
    hint: 'an address in the same subnet, or nothing',
    problem: gatewayProblem,
  }),
  createTextField<AddressName>({
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
] as const;

const FIELDS = [...ADDRESS_FIELDS, keepField, confirmField] as const;

function gatewayProblem({ address, gateway }: Values<AddressName>): string | null {
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
export function createStaticScreen(one: Interface, network: Network): Screen {
  return createFormScreen<Name>(
    {
      title: `Network: static address on ${one.name}`,
      purpose: ['The change is tried before it is kept; if it fails, the old address comes back.'],
      fields: FIELDS,
      facts: ['network'],
      send: (state, values) => setStatic(state, one.name, values),
    },
    { ...readPresentAddress(one), keep: chooseDefaultKeep(network), confirm: 'yes' },
  );
}

/** Returns an interface's present address, as the values of `ADDRESS_FIELDS`. */
export function readPresentAddress(one: Interface): Values<AddressName> {
  const [now] = one.addresses;
  return {
    address: now === undefined ? '' : `${now.address}/${now.prefix}`,
    gateway: one.gateway ?? '',
    dns: one.dns.filter(isNameServer).slice(0, MOST_NAME_SERVERS).join(','),
  };
}

/** Converts the values of the fields of an interface; returns `null` if `values.address` is invalid. */
export function toStaticAddress(name: string, values: Values<AddressName>): StaticAddress | null {
  const subnet = toSubnet(values.address);
  if (subnet === null) return null;
  const gateway = values.gateway === '' ? null : values.gateway;
  return { interface: name, ...subnet, gateway, dns: toList(values.dns) };
}

function setStatic(state: State, name: string, values: Values<Name>): Step {
  const wanted = toStaticAddress(name, values);
  if (wanted === null) return stay(state);
  const lasting = toLasting(values);
  return makeChange(state, {
    title: `Setting ${wanted.address} on ${name}`,
    name,
    command: makeStaticCommand(wanted, lasting),
    lasting,
  });
}
