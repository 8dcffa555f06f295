import type { Network } from '../../api/network.ts';
import { makeDhcpCommand } from '../../network/change.ts';
import type { Screen } from '../state.ts';
import { createFormScreen } from './form.ts';
import { chooseDefaultKeep, confirmField, keepField, toLasting } from './keep.ts';
import { makeChange } from './network-change.ts';

type Name = 'keep' | 'confirm';

/** Creates the form that switches an interface to DHCP. */
export function createDhcpScreen(name: string, network: Network): Screen {
  return createFormScreen<Name>(
    {
      title: `Network: DHCP on ${name}`,
      purpose: [
        `${name} gets address, gateway and DNS servers by DHCP.`,
        'A static address is removed, with its gateway and DNS servers.',
      ],
      fields: [keepField, confirmField],
      facts: ['network'],
      send: (state, values) => {
        const lasting = toLasting(values);
        const title = `Asking for an address on ${name}`;
        return makeChange(state, { title, name, lasting, command: makeDhcpCommand(name, lasting) });
      },
    },
    { keep: chooseDefaultKeep(network), confirm: 'yes' },
  );
}
