import { request } from '../authorization.ts';
import { secretField, textField } from '../kit/field.ts';
import { fill, openForm } from '../kit/form.ts';
import { viewForm } from '../kit/form-view.ts';
import { line, type Size } from '../kit/frame.ts';
import type { Key } from '../kit/keys.ts';
import type { JoinName, ScreenOf, State } from '../state.ts';
import { type Step, show } from '../steps.ts';
import { backToNetwork } from './back.ts';
import { type Body, withForm } from './body.ts';
import { keepField, toKeep, usualKeep } from './keep.ts';

/** The fields of a WiFi network to join; their rules are qx-network's. */
export const JOIN_FIELDS = [
  textField<JoinName>({
    name: 'ssid',
    label: 'Name',
    hint: '',
    problem: ({ ssid }) => {
      const bytes = Buffer.byteLength(ssid);
      return bytes >= 1 && bytes <= 32 ? null : 'A name has 1 to 32 bytes.';
    },
  }),
  secretField<JoinName>({
    name: 'password',
    label: 'Password',
    hint: 'nothing for an open network',
    problem: ({ password }) =>
      password === '' || /^(?:[ -~]{8,63}|[0-9a-fA-F]{64})$/.test(password)
        ? null
        : '8 to 63 printable characters, or 64 hexadecimal digits.',
  }),
  keepField,
] as const;

/** The form that joins a WiFi network. */
export function openJoinForm(interfaceName: string, ssid: string, state: State): ScreenOf<'join'> {
  const keep = usualKeep({ persistent: state.facts.network.value?.persistent ?? false });
  const form = openForm<JoinName>(JOIN_FIELDS, { ssid, password: '', keep });
  return { name: 'join', interface: interfaceName, form };
}

export function onJoinKey(state: State, screen: ScreenOf<'join'>, key: Key): Step {
  const { form, outcome } = fill(screen.form, JOIN_FIELDS, key);
  if (outcome === 'cancelled') return backToNetwork(state);
  const next = show(state, { ...screen, form });
  if (outcome === 'editing') return next;
  const { ssid, password, keep } = form.values;
  const network = { interface: screen.interface, ssid, password, keep: toKeep(keep) };
  return request(next.state, { type: 'join-wifi', network });
}

export function viewJoin(_state: State, screen: ScreenOf<'join'>, room: Size): Body {
  const form = viewForm(screen.form, JOIN_FIELDS, room.columns);
  return withForm(`Network: WiFi on ${screen.interface}`, form, [
    line('The address is asked for by DHCP; a static one can be set afterwards.'),
  ]);
}
