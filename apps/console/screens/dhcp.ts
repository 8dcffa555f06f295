import type { Interface, Network } from '../../api/network.ts';
import { request } from '../change.ts';
import type { Screen } from '../state.ts';
import { formScreen } from './form.ts';
import { keepField, toKeep, usualKeep } from './keep.ts';

/** The form that has an interface ask for its address. */
export function dhcpScreen({ name }: Interface, network: Network): Screen {
  return formScreen(
    {
      title: `Network: DHCP on ${name}`,
      purpose: [
        `${name} asks for address, gateway and DNS servers.`,
        'A static address that it has now goes, with its gateway and DNS servers.',
      ],
      fields: [keepField],
      facts: ['network'],
      send: (state, { keep }) =>
        request(state, {
          title: `Asking for an address on ${name}`,
          facts: ['network', 'host'],
          leads: 'menu',
          run: (deps, signal) => deps.setDhcp({ interface: name, keep: toKeep(keep) }, signal),
        }),
    },
    { keep: usualKeep(network) },
  );
}
