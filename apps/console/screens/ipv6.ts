import type { Interface, Network } from '../../api/network.ts';
import { makeIpv6Command } from '../../network/change.ts';
import { createChoiceField, createTextField, type Values } from '../kit/field.ts';
import type { Screen, State, Step } from '../state.ts';
import {
  isHostAddress6,
  isInSubnet6,
  isLinkLocal6,
  isNameServer6,
  isSameAddress6,
  toSubnet6,
} from './address6.ts';
import { createFormScreen } from './form.ts';
import { chooseDefaultKeep, confirmField, keepField, toLasting } from './keep.ts';
import { toList } from './link-rules.ts';
import { makeChange } from './network-change.ts';

type Name = 'method' | 'address' | 'gateway' | 'dns' | 'keep' | 'confirm';

/** Largest number of name servers that the C library uses. */
const MOST_NAME_SERVERS = 3;

const FIELDS = [
  createChoiceField<Name>({
    name: 'method',
    label: 'IPv6',
    choices: [
      { value: 'auto', label: 'what routers advertise' },
      { value: 'static', label: 'a static address' },
      { value: 'off', label: 'off' },
    ],
  }),
  createTextField<Name>({
    name: 'address',
    label: 'Address',
    hint: 'such as 2001:db8::7/64',
    problem: ({ method, address }) => {
      if (method !== 'static') return address === '' ? null : 'Only with a static address.';
      return toSubnet6(address) === null
        ? 'An address and a prefix, such as 2001:db8::7/64.'
        : null;
    },
  }),
  createTextField<Name>({
    name: 'gateway',
    label: 'Gateway',
    hint: 'an address in the same subnet or fe80::..., or nothing',
    problem: gatewayProblem,
  }),
  createTextField<Name>({
    name: 'dns',
    label: 'DNS servers',
    hint: 'at most three addresses of IPv6 with commas, or nothing',
    problem: ({ method, dns }) => {
      const servers = toList(dns);
      if (method === 'off') return servers.length === 0 ? null : 'None where IPv6 is off.';
      const wrong = servers.find((server) => !isNameServer6(server));
      if (wrong !== undefined)
        return `Not an address of IPv6: ${wrong === '' ? '(nothing)' : wrong}`;
      return servers.length > MOST_NAME_SERVERS ? 'At most three.' : null;
    },
  }),
  keepField,
  confirmField,
] as const;

function gatewayProblem({ method, address, gateway }: Values<Name>): string | null {
  if (gateway === '') return null;
  if (method !== 'static') return 'Only with a static address.';
  if (isLinkLocal6(gateway)) return null;
  if (!isHostAddress6(gateway)) return 'An address, such as fe80::1, or nothing.';
  const subnet = toSubnet6(address);
  if (subnet === null) return null;
  if (isSameAddress6(gateway, subnet.address)) return 'This is the machine itself.';
  return isInSubnet6(gateway, subnet) ? null : `Outside ${address}.`;
}

/** Creates the form for an interface's IPv6, filled with its present configuration. */
export function createIpv6Screen({ name, ipv6, dns }: Interface, network: Network): Screen {
  const method = ipv6.method ?? 'auto';
  const own = ipv6.addresses.find(({ origin }) => origin === 'static');
  return createFormScreen<Name>(
    {
      title: `Network: IPv6 on ${name}`,
      purpose: ['The change is tried before it is kept; IPv4 stays as it is.'],
      fields: FIELDS,
      facts: ['network'],
      send: (state, values) => setIpv6(state, name, values),
    },
    {
      method,
      address: method !== 'static' || own === undefined ? '' : `${own.address}/${own.prefix}`,
      gateway: method === 'static' ? (ipv6.gateway ?? '') : '',
      dns: dns.filter(isNameServer6).slice(0, MOST_NAME_SERVERS).join(','),
      keep: chooseDefaultKeep(network),
      confirm: 'yes',
    },
  );
}

function setIpv6(state: State, name: string, values: Values<Name>): Step {
  const { method, address, gateway, dns } = values;
  const lasting = toLasting(values);
  const wanted = {
    interface: name,
    address: method === 'static' ? address : method,
    gateway: gateway === '' ? null : gateway,
    dns: toList(dns),
  };
  return makeChange(state, {
    title: `Setting IPv6 on ${name}`,
    name,
    command: makeIpv6Command(wanted, lasting),
    lasting,
  });
}
