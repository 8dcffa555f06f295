import { request } from '../change.ts';
import { secretField, textField } from '../kit/field.ts';
import type { Screen, State } from '../state.ts';
import { formScreen } from './form.ts';
import { keepField, toKeep, usualKeep } from './keep.ts';

type Name = 'ssid' | 'password' | 'keep';

/** The fields of a WiFi network to join; their rules are qx-network's. */
const FIELDS = [
  textField<Name>({
    name: 'ssid',
    label: 'Name',
    hint: '',
    problem: ({ ssid }) => {
      const bytes = Buffer.byteLength(ssid);
      return bytes >= 1 && bytes <= 32 ? null : 'A name has 1 to 32 bytes.';
    },
  }),
  secretField<Name>({
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
export function joinScreen(interfaceName: string, ssid: string, state: State): Screen {
  const keep = usualKeep({ persistent: state.facts.network.value?.persistent ?? false });
  return formScreen<Name>(
    {
      title: `Network: WiFi on ${interfaceName}`,
      purpose: ['The address is asked for by DHCP; a static one can be set afterwards.'],
      fields: FIELDS,
      facts: ['network'],
      send: (now, values) => {
        const network = { interface: interfaceName, ...values, keep: toKeep(values.keep) };
        return request(now, {
          title: `Joining ${values.ssid}`,
          facts: ['network', 'host'],
          leads: 'menu',
          run: (deps, signal) => deps.joinWifi(network, signal),
        });
      },
    },
    { ssid, password: '', keep },
  );
}
