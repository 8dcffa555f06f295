import { listComplaints, type QxNetworkOptions, runQxNetwork } from './qx-network.ts';

/** Milliseconds that a change may take: it may wait for another change, a carrier, a lease or an access point. */
const PATIENCE = 120_000;

/** Whether a change is permanent or lasts until the next boot. */
export type Keep = 'persistent' | 'session';

/** How long a change lasts, and whether it must be confirmed. */
export interface Lasting {
  keep: Keep;
  /** Seconds after which it is undone unless it is confirmed; `null` if no confirmation is needed. */
  confirm?: number | null;
}

/** A static IPv4 address for an interface. */
export interface StaticAddress {
  interface: string;
  /** `10.0.0.7` */
  address: string;
  prefix: number;
  gateway: string | null;
  dns: readonly string[];
}

/** IPv6 settings of an interface. */
export interface Ipv6 {
  interface: string;
  /** A static address such as `2001:db8::7/64`, `auto` or `off`. */
  address: 'auto' | 'off' | (string & {});
  gateway: string | null;
  dns: readonly string[];
}

/** A WiFi network for an interface. */
export interface WifiNetwork {
  interface: string;
  ssid: string;
  /** Passed to qx-network on standard input; empty for an open network. */
  password: string;
}

/** A bridge, bond or VLAN. */
export type Link =
  | { type: 'bridge'; name: string; ports: readonly string[] }
  | { type: 'bond'; name: string; ports: readonly string[]; mode: string }
  | { type: 'vlan'; name: string; link: string; id: number };

/** A command of qx-network that changes the configuration. */
export interface NetworkCommand {
  args: readonly string[];
  /** Standard input, for secrets and settings. */
  input?: string;
}

/** Result of a change. */
export interface Change {
  /** `eth0: 10.0.0.7/24` */
  result: string;
  /** Warnings, for example that no DHCP server has answered yet. */
  warnings: string[];
}

/** Makes a change. @throws NetworkError with the reason if it fails; the previous configuration is then in effect */
export async function changeNetwork(
  { args, input = '' }: NetworkCommand,
  options: QxNetworkOptions = {},
): Promise<Change> {
  const { stdout, stderr } = await runQxNetwork(args, { ...options, input, timeout: PATIENCE });
  return { result: stdout, warnings: listComplaints(stderr) };
}

/** Returns the command for a static address; without a gateway or name servers, previous ones are removed. */
export function makeStaticCommand(wanted: StaticAddress, lasting: Lasting): NetworkCommand {
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

/** Returns the command for an address by DHCP. */
export function makeDhcpCommand(name: string, lasting: Lasting): NetworkCommand {
  return { args: ['dhcp', name, ...lastingArguments(lasting)] };
}

/** Returns the command that removes the IPv4 address. */
export function makeOffCommand(name: string, lasting: Lasting): NetworkCommand {
  return { args: ['off', name, ...lastingArguments(lasting)] };
}

/** Returns the command for a WiFi network, with its address by DHCP. */
export function makeWifiCommand(wanted: WifiNetwork, lasting: Lasting): NetworkCommand {
  const { interface: name, ssid, password } = wanted;
  return { args: ['wifi', name, ssid, ...lastingArguments(lasting)], input: `${password}\n` };
}

/** Returns the command for IPv6 settings. */
export function makeIpv6Command(
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

/** Returns the command that makes or changes a bridge, bond or VLAN. */
export function linkCommand(link: Link, lasting: Lasting): NetworkCommand {
  const what =
    link.type === 'vlan'
      ? [link.link, String(link.id)]
      : [link.ports.join(',') || 'none', ...(link.type === 'bond' ? ['--mode', link.mode] : [])];
  return { args: [link.type, link.name, ...what, ...lastingArguments(lasting)] };
}

/** Returns the command that removes a bridge, bond or VLAN. */
export function removeCommand(name: string): NetworkCommand {
  return { args: ['remove', name] };
}

/** Returns the command for the MTU in bytes; `null` restores the default. */
export function makeMtuCommand(name: string, mtu: number | null, keep: Keep): NetworkCommand {
  return {
    args: ['mtu', name, mtu === null ? 'default' : String(mtu), ...lastingArguments({ keep })],
  };
}

/** Returns the command that replaces all static routes, each `SUBNET/PREFIX via GATEWAY`. */
export function makeRoutesCommand(
  name: string,
  routes: readonly string[],
  keep: Keep,
): NetworkCommand {
  return { args: ['routes', name, routes.join(',') || 'none', ...lastingArguments({ keep })] };
}

/**
 * Returns the command that replaces the settings of an interface.
 * @param settings lines of a configuration file; none removes the configuration
 * @param confirm seconds within which the change must be confirmed
 */
export function makeConfigureCommand(
  name: string,
  settings: readonly string[],
  confirm: number,
): NetworkCommand {
  return {
    args: ['configure', name, ...lastingArguments({ keep: 'persistent', confirm })],
    input: settings.map((line) => `${line}\n`).join(''),
  };
}

/** Returns the command that confirms a change. */
export function confirmCommand(name: string): NetworkCommand {
  return { args: ['confirm', name] };
}

/** Returns the command that applies the configuration files of one interface, or of all. */
export function applyCommand(name?: string): NetworkCommand {
  return { args: name === undefined ? ['apply'] : ['apply', name] };
}

function lastingArguments({ keep, confirm = null }: Lasting): string[] {
  return [
    ...(keep === 'session' ? ['--session'] : []),
    ...(confirm === null ? [] : ['--confirm', String(confirm)]),
  ];
}
