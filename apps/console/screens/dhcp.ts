import type { Network } from '../../api/network.ts';
import { dhcpCommand } from '../../network/change.ts';
import type { Screen } from '../state.ts';
import { formScreen } from './form.ts';
import { confirmField, keepField, toLasting, usualKeep } from './keep.ts';
import { makeChange } from './network-change.ts';

type Name = 'keep' | 'confirm';

/** Creates the form that switches an interface to DHCP. */
export function dhcpScreen(name: string, network: Network): Screen {
  return formScreen<Name>(
    {
      title: `Network: DHCP on ${name}`,
      purpose: [
        `${name} asks for address, gateway and DNS servers.`,
        'A static address that it has now goes, with its gateway and DNS servers.',
      ],
      fields: [keepField, confirmField],
      facts: ['network'],
      send: (state, values) => {
        const lasting = toLasting(values);
        const title = `Asking for an address on ${name}`;
        return makeChange(state, { title, name, lasting, command: dhcpCommand(name, lasting) });
      },
    },
    { keep: usualKeep(network), confirm: 'yes' },
  );
}
