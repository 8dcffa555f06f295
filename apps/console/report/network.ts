import type { Interface, Network } from '../../api/network.ts';

/** Describes an interface in one line. */
export function describeInterface(one: Interface): string {
  const addresses = one.addresses.map(({ address, prefix }) => `${address}/${prefix}`).join(', ');
  const words = [
    one.name,
    addresses === '' ? 'no address' : addresses,
    describeMethod(one),
    one.carrier ? speedText(one.speed) : noLink(one),
    one.ssid === null ? '' : `WiFi ${one.ssid}`,
    linkText(one),
  ];
  return words.filter((word) => word !== '').join('  ');
}

/** Describes the ports or the VLAN of an interface; empty for a card. */
function linkText({ type, ports, vlan }: Interface): string {
  if (vlan !== null) return `VLAN ${vlan.id} on ${vlan.link}`;
  return type === null ? '' : `${type} of ${ports.length === 0 ? 'no port' : ports.join(', ')}`;
}

/** Describes the IPv6 configuration of an interface in one line. */
export function describeIpv6({ ipv6 }: Interface): string {
  if (ipv6.method === 'off') return 'IPv6 off';
  const reached = ipv6.addresses.filter(({ origin }) => origin !== 'link');
  const addresses = reached.map(
    ({ address, prefix, origin }) =>
      `${address}/${prefix}${origin === 'router' ? ' (advertised)' : ''}`,
  );
  const gateway = ipv6.gateway === null ? '' : `, gateway ${ipv6.gateway}`;
  return `IPv6 ${addresses.length === 0 ? 'no address' : addresses.join(', ')}${gateway}`;
}

/** Describes how an interface gets its address. */
export function describeMethod({ method, dhcp, master }: Interface): string {
  if (master !== null) return `port of ${master}`;
  if (method === null) return 'not configured';
  if (method === 'off') return 'no IPv4';
  if (method === 'static') return 'static';
  if (dhcp === null) return 'DHCP, its client does not run';
  return dhcp.lease === null ? 'DHCP, no answer yet' : 'DHCP';
}

/** Describes a change that is on trial. @param seconds until it is undone */
export function describeTrial(seconds: number): string {
  return `A change is on trial: undone in ${seconds} s unless somebody confirms it.`;
}

/** Lists the problems of the network, one per line; empty if all is well. */
export function listNetworkProblems({ interfaces, problems }: Network): string[] {
  return [
    ...problems,
    ...interfaces.flatMap(({ name, confirm, problem }) => [
      ...(confirm === null
        ? []
        : [`${name}: undone in ${confirm} s unless confirmed: qx-network confirm ${name}`]),
      ...(problem === null ? [] : [problem]),
    ]),
  ];
}

/** Returns the interface of the preferred default route. */
export function findDefaultInterface(network: Network): Interface | undefined {
  return network.interfaces.find(({ name }) => name === network.default);
}

/** Describes the default route and its DNS servers. */
export function describeRoute(network: Network): string {
  const one = findDefaultInterface(network);
  if (one === undefined) return 'none';
  const servers = one.dns.length === 0 ? 'no DNS server' : `DNS ${one.dns.join(', ')}`;
  return `${one.gateway ?? 'none'} through ${one.name}, ${servers}`;
}

function noLink({ kind }: Interface): string {
  return kind === 'wifi' ? 'not joined' : 'no cable';
}

function speedText(speed: number | null): string {
  if (speed === null || speed <= 0) return '';
  return speed >= 1000 ? `${speed / 1000} Gbit/s` : `${speed} Mbit/s`;
}
