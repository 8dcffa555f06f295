import type { Interface, Network } from '../../api/network.ts';
import { request } from '../authorization.ts';
import { textField, type Values } from '../kit/field.ts';
import { fill, openForm } from '../kit/form.ts';
import { viewForm } from '../kit/form-view.ts';
import { line, type Size } from '../kit/frame.ts';
import type { Key } from '../kit/keys.ts';
import type { ScreenOf, State, StaticName } from '../state.ts';
import { type Step, show, stay } from '../steps.ts';
import { isHostAddress, isInSubnet, isNameServer, isSubnetEnd, toSubnet } from './address.ts';
import { backToNetwork } from './back.ts';
import { type Body, withForm } from './body.ts';
import { keepField, toKeep, usualKeep } from './keep.ts';

/** The C library asks no more. */
const MOST_NAME_SERVERS = 3;

/** The fields of a static address. */
export const STATIC_FIELDS = [
  textField<StaticName>({
    name: 'address',
    label: 'Address',
    hint: 'such as 10.0.0.7/24',
    problem: ({ address }) => {
      const subnet = toSubnet(address);
      if (subnet === null) return 'An address and a prefix, such as 10.0.0.7/24.';
      return isSubnetEnd(subnet) ? 'This is the first or last address of its subnet.' : null;
    },
  }),
  textField<StaticName>({
    name: 'gateway',
    label: 'Gateway',
    hint: 'an address in the same subnet, or nothing',
    problem: gatewayProblem,
  }),
  textField<StaticName>({
    name: 'dns',
    label: 'DNS servers',
    hint: 'at most three addresses with commas, or nothing',
    problem: ({ dns }) => {
      const servers = toServers(dns);
      const wrong = servers.find((server) => !isNameServer(server));
      if (wrong !== undefined) return `Not an address: ${wrong === '' ? '(nothing)' : wrong}`;
      return servers.length > MOST_NAME_SERVERS ? 'At most three.' : null;
    },
  }),
  keepField,
] as const;

function gatewayProblem({ address, gateway }: Values<StaticName>): string | null {
  if (gateway === '') return null;
  if (!isHostAddress(gateway)) return 'An address, such as 10.0.0.1, or nothing.';
  const subnet = toSubnet(address);
  if (subnet === null) return null;
  if (!isInSubnet(gateway, subnet)) return `Outside ${address}.`;
  if (gateway === subnet.address) return 'This is the machine itself.';
  const isEnd = isSubnetEnd({ address: gateway, prefix: subnet.prefix });
  return isEnd ? 'This is the first or last address of the subnet.' : null;
}

function toServers(text: string): string[] {
  return text.trim() === '' ? [] : text.split(',').map((server) => server.trim());
}

/** The form for a static address, filled in with what the interface has now. */
export function openStaticForm(one: Interface, network: Network): ScreenOf<'static'> {
  const [now] = one.addresses;
  const form = openForm<StaticName>(STATIC_FIELDS, {
    address: now === undefined ? '' : `${now.address}/${now.prefix}`,
    gateway: one.gateway ?? '',
    dns: one.dns.slice(0, MOST_NAME_SERVERS).join(','),
    keep: usualKeep(network),
  });
  return { name: 'static', interface: one.name, form };
}

export function onStaticKey(state: State, screen: ScreenOf<'static'>, key: Key): Step {
  const { form, outcome } = fill(screen.form, STATIC_FIELDS, key);
  if (outcome === 'cancelled') return backToNetwork(state);
  const next = show(state, { ...screen, form });
  if (outcome === 'editing') return next;
  const { address, gateway, dns, keep } = form.values;
  const subnet = toSubnet(address);
  if (subnet === null) return stay(next.state);
  return request(next.state, {
    type: 'set-static',
    change: {
      interface: screen.interface,
      ...subnet,
      gateway: gateway === '' ? null : gateway,
      dns: toServers(dns),
      keep: toKeep(keep),
    },
  });
}

export function viewStatic(_state: State, screen: ScreenOf<'static'>, room: Size): Body {
  const form = viewForm(screen.form, STATIC_FIELDS, room.columns);
  return withForm(`Network: static address on ${screen.interface}`, form, [
    line('The change is tried before it is kept; if it fails, the old address comes back.'),
  ]);
}
