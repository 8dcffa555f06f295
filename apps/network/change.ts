import { complaints, type QxNetworkOptions, qxNetwork } from './qx-network.ts';

/** Milliseconds that a change may take: it may wait for another one, a carrier, a lease, an access point. */
const PATIENCE = 120_000;

/** How long a change lasts: for good, or until the next boot. */
export type Keep = 'persistent' | 'session';

/** How long a change lasts. */
export interface Lasting {
  keep: Keep;
  /** Seconds within which it is undone unless it is confirmed; `null` if it counts at once. */
  confirm?: number | null;
}

/** A static address for an interface. */
export interface StaticAddress {
  interface: string;
  /** `10.0.0.7` */
  address: string;
  prefix: number;
  gateway: string | null;
  dns: readonly string[];
}

/** IPv6 of an interface. */
export interface Ipv6 {
  interface: string;
  /** `2001:db8::7/64`, or no address of an operator's. */
  address: 'auto' | 'off' | (string & {});
  gateway: string | null;
  dns: readonly string[];
}

/** A WiFi network for an interface. */
export interface WifiNetwork {
  interface: string;
  ssid: string;
  /** Handed on by standard input; empty for an open network. */
  password: string;
}

/** A bridge, bond or VLAN, made or changed. */
export type Link =
  | { type: 'bridge'; name: string; ports: readonly string[] }
  | { type: 'bond'; name: string; ports: readonly string[]; mode: string }
  | { type: 'vlan'; name: string; link: string; id: number };

/** A command of qx-network that changes something. */
export interface NetworkCommand {
  args: readonly string[];
  /** What only standard input may carry. */
  input?: string;
}

/** What qx-network said of a change that it made. */
export interface Change {
  /** `eth0: 10.0.0.7/24` */
  result: string;
  /** What is not as it should be all the same: no DHCP server has answered yet, say. */
  warnings: string[];
}

/** Makes a change. @throws NetworkError why not; then everything is as it was */
export async function changeNetwork(
  { args, input = '' }: NetworkCommand,
  options: QxNetworkOptions = {},
): Promise<Change> {
  const { stdout, stderr } = await qxNetwork(args, { ...options, input, timeout: PATIENCE });
  return { result: stdout, warnings: complaints(stderr) };
}

/** A static address; without a gateway or name servers none of before are kept. */
export function staticCommand(wanted: StaticAddress, lasting: Lasting): NetworkCommand {
  const { interface: name, address, prefix, gateway, dns } = wanted;
  return {
    args: [
      'static',
      name,
      `${address}/${prefix}`,
      `--gateway=${gateway ?? 'none'}`,
      `--dns=${dns.join(',') || 'none'}`,
      ...lastingArguments(lasting),
    ],
  };
}

/** An address by DHCP. */
export function dhcpCommand(name: string, lasting: Lasting): NetworkCommand {
  return { args: ['dhcp', name, ...lastingArguments(lasting)] };
}

/** No IPv4 address. */
export function offCommand(name: string, lasting: Lasting): NetworkCommand {
  return { args: ['off', name, ...lastingArguments(lasting)] };
}

/** A WiFi network, with its address by DHCP. */
export function wifiCommand(wanted: WifiNetwork, lasting: Lasting): NetworkCommand {
  const { interface: name, ssid, password } = wanted;
  return { args: ['wifi', name, ssid, ...lastingArguments(lasting)], input: `${password}\n` };
}

/** IPv6. */
export function ipv6Command(
  { interface: name, address, gateway, dns }: Ipv6,
  lasting: Lasting,
): NetworkCommand {
  return {
    args: [
      'ipv6',
      name,
      address,
      ...(gateway === null ? [] : [`--gateway=${gateway}`]),
      ...(dns.length === 0 ? [] : [`--dns=${dns.join(',')}`]),
      ...lastingArguments(lasting),
    ],
  };
}

/** A bridge, bond or VLAN. */
export function linkCommand(link: Link, lasting: Lasting): NetworkCommand {
  const what =
    link.type === 'vlan'
      ? [link.link, String(link.id)]
      : [link.ports.join(',') || 'none', ...(link.type === 'bond' ? ['--mode', link.mode] : [])];
  return { args: [link.type, link.name, ...what, ...lastingArguments(lasting)] };
}

/** Takes a bridge, bond or VLAN away. */
export function removeCommand(name: string): NetworkCommand {
  return { args: ['remove', name] };
}

/** Bytes of a packet; `null` for what is usual. */
export function mtuCommand(name: string, mtu: number | null, keep: Keep): NetworkCommand {
  return {
    args: ['mtu', name, mtu === null ? 'default' : String(mtu), ...lastingArguments({ keep })],
  };
}

/** Static routes, each `SUBNET/PREFIX via GATEWAY`: these and no others. */
export function routesCommand(name: string, routes: readonly string[], keep: Keep): NetworkCommand {
  return { args: ['routes', name, routes.join(',') || 'none', ...lastingArguments({ keep })] };
}

/** What lines of a configuration file say, on trial for so many seconds; without a line, nothing is configured. */
export function configureCommand(
  name: string,
  settings: readonly string[],
  confirm: number,
): NetworkCommand {
  return {
    args: ['configure', name, ...lastingArguments({ keep: 'persistent', confirm })],
    input: settings.map((line) => `${line}\n`).join(''),
  };
}

/** Keeps a change that would be undone. */
export function confirmCommand(name: string): NetworkCommand {
  return { args: ['confirm', name] };
}

/** Makes one interface, or all, what their files say. */
export function applyCommand(name?: string): NetworkCommand {
  return { args: name === undefined ? ['apply'] : ['apply', name] };
}

function lastingArguments({ keep, confirm = null }: Lasting): string[] {
  return [
    ...(keep === 'session' ? ['--session'] : []),
    ...(confirm === null ? [] : ['--confirm', String(confirm)]),
  ];
}
