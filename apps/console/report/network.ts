import type { Interface, Network } from '../../api/network.ts';

/** An interface in one line. */
export function interfaceText(one: Interface): string {
  const addresses = one.addresses.map(({ address, prefix }) => `${address}/${prefix}`).join(', ');
  const words = [
    one.name,
    addresses === '' ? 'no address' : addresses,
    methodText(one),
    one.carrier ? speedText(one.speed) : noLink(one),
    one.ssid === null ? '' : `WiFi ${one.ssid}`,
    linkText(one),
  ];
  return words.filter((word) => word !== '').join('  ');
}

/** What an interface is made of; empty for a card. */
function linkText({ type, ports, vlan }: Interface): string {
  if (vlan !== null) return `VLAN ${vlan.id} on ${vlan.link}`;
  return type === null ? '' : `${type} of ${ports.length === 0 ? 'no port' : ports.join(', ')}`;
}

/** What of IPv6 an interface has, in one line. */
export function ipv6Text({ ipv6 }: Interface): string {
  if (ipv6.method === 'off') return 'IPv6 off';
  const reached = ipv6.addresses.filter(({ origin }) => origin !== 'link');
  const addresses = reached.map(
    ({ address, prefix, origin }) =>
      `${address}/${prefix}${origin === 'router' ? ' (advertised)' : ''}`,
  );
  const gateway = ipv6.gateway === null ? '' : `, gateway ${ipv6.gateway}`;
  return `IPv6 ${addresses.length === 0 ? 'no address' : addresses.join(', ')}${gateway}`;
}

/** How an interface gets its address. */
export function methodText({ method, dhcp, master }: Interface): string {
  if (master !== null) return `port of ${master}`;
  if (method === null) return 'not configured';
  if (method === 'off') return 'no IPv4';
  if (method === 'static') return 'static';
  if (dhcp === null) return 'DHCP, its client does not run';
  return dhcp.lease === null ? 'DHCP, no answer yet' : 'DHCP';
}

/** That a change is undone in so many seconds. */
export function trialText(seconds: number): string {
  return `A change is on trial: undone in ${seconds} s unless somebody confirms it.`;
}

/** What somebody should see to, in lines; none if all is well. */
export function networkProblems({ interfaces, problems }: Network): string[] {
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

/** The interface that the preferred default route goes through. */
export function defaultInterface(network: Network): Interface | undefined {
  return network.interfaces.find(({ name }) => name === network.default);
}

/** Where packets to elsewhere go, and who is asked for names. */
export function routeText(network: Network): string {
  const one = defaultInterface(network);
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
