import { makeWifiCommand } from '../../network/change.ts';
import { createSecretField, createTextField } from '../kit/field.ts';
import type { Screen, State } from '../state.ts';
import { createFormScreen } from './form.ts';
import { chooseDefaultKeep, keepField, toKeep } from './keep.ts';
import { makeChange } from './network-change.ts';

type Name = 'ssid' | 'password' | 'keep';

/** Fields of a WiFi network; the rules are those of qx-network. */
const FIELDS = [
  createTextField<Name>({
    name: 'ssid',
    label: 'Name',
    hint: '',
    problem: ({ ssid }) => {
      const bytes = Buffer.byteLength(ssid);
      return bytes >= 1 && bytes <= 32 ? null : 'A name has 1 to 32 bytes.';
    },
  }),
  createSecretField<Name>({
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

/** Creates the form that joins a WiFi network. */
export function joinScreen(name: string, ssid: string, state: State): Screen {
  const keep = chooseDefaultKeep({ persistent: state.facts.network.value?.persistent ?? false });
  return createFormScreen<Name>(
    {
      title: `Network: WiFi on ${name}`,
      purpose: ['The address is asked for by DHCP; a static one can be set afterwards.'],
      fields: FIELDS,
      facts: ['network'],
      send: (now, values) => {
        const lasting = { keep: toKeep(values.keep) };
        const network = { interface: name, ssid: values.ssid, password: values.password };
        return makeChange(now, {
          title: `Joining ${values.ssid}`,
          name,
          command: makeWifiCommand(network, lasting),
          lasting,
        });
      },
    },
    { ssid, password: '', keep },
  );
}
