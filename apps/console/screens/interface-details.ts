import type { Interface, Network } from '../../api/network.ts';
import { type Line, line } from '../kit/frame.ts';
import { wrap } from '../kit/text.ts';
import { describeIpv6, describeRoute, describeTrial } from '../report/network.ts';

/** Describes an interface, and the state of the network as far as it concerns changes of the interface. */
export function describeDetails(one: Interface, network: Network, columns: number): Line[] {
  const texts = [
    `Hardware address ${one.mac}, configured by ${one.source ?? 'default (DHCP)'}`,
    `Gateway ${one.gateway ?? 'none'}, DNS ${one.dns.length === 0 ? 'none' : one.dns.join(', ')}`,
    describeIpv6(one),
    ...(one.routes.length === 0 ? [] : [`Routes ${one.routes.join(', ')}`]),
    ...(one.confirm === null ? [] : [describeTrial(one.confirm)]),
    ...(one.problem === null ? [] : [`Last refusal: ${one.problem}`]),
    `Preferred route: ${describeRoute(network)}`,
    ...network.problems,
    ...(network.persistent
      ? []
      : ['There is no disk for settings: changes last until the next restart.']),
  ];
  return texts.flatMap((text) => wrap(text, columns - 4)).map((text) => line(`  ${text}`));
}
