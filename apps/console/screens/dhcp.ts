import type { Interface, Network } from '../../api/network.ts';
import { request } from '../authorization.ts';
import { fill, openForm } from '../kit/form.ts';
import { viewForm } from '../kit/form-view.ts';
import { line, type Size } from '../kit/frame.ts';
import type { Key } from '../kit/keys.ts';
import type { ScreenOf, State } from '../state.ts';
import { type Step, show } from '../steps.ts';
import { backToNetwork } from './back.ts';
import { type Body, withForm } from './body.ts';
import { keepField, toKeep, usualKeep } from './keep.ts';

const FIELDS = [keepField] as const;

/** The form that has an interface ask for its address. */
export function openDhcpForm(one: Interface, network: Network): ScreenOf<'dhcp'> {
  const form = openForm<'keep'>(FIELDS, { keep: usualKeep(network) });
  return { name: 'dhcp', interface: one.name, form };
}

export function onDhcpKey(state: State, screen: ScreenOf<'dhcp'>, key: Key): Step {
  const { form, outcome } = fill(screen.form, FIELDS, key);
  if (outcome === 'cancelled') return backToNetwork(state);
  if (outcome === 'editing') return show(state, { ...screen, form });
  const change = { interface: screen.interface, keep: toKeep(form.values.keep) };
  return request(state, { type: 'set-dhcp', change });
}

export function viewDhcp(_state: State, screen: ScreenOf<'dhcp'>, room: Size): Body {
  return withForm(
    `Network: DHCP on ${screen.interface}`,
    viewForm(screen.form, FIELDS, room.columns),
    [
      line(`${screen.interface} asks for address, gateway and DNS servers.`),
      line('A static address that it has now goes, with its gateway and DNS servers.'),
    ],
  );
}
