import { complaints, type QxNetworkOptions, qxNetwork } from './qx-network.ts';

/** Milliseconds that a change may take: it may wait for another one, a carrier, a lease, an access point. */
const PATIENCE = 120_000;

/** How long a change lasts: for good, or until the next boot. */
export type Keep = 'persistent' | 'session';

/** A static address for an interface. */
export interface StaticAddress {
  interface: string;
  /** `10.0.0.7` */
  address: string;
  prefix: number;
  gateway: string | null;
  dns: readonly string[];
  keep: Keep;
}

/** A WiFi network for an interface. */
export interface WifiNetwork {
  interface: string;
  ssid: string;
  /** Handed on by standard input; empty for an open network. */
  password: string;
  keep: Keep;
}

/** What qx-network said of a change that it made. */
export interface Change {
  /** `eth0: 10.0.0.7/24` */
  result: string;
  /** What is not as it should be all the same: no DHCP server has answered yet, say. */
  warnings: string[];
}

/** The arguments of `qx-network static`. */
export function staticArguments(wanted: StaticAddress): string[] {
  const { interface: name, address, prefix, gateway, dns, keep } = wanted;
  return [
    'static',
    name,
    `${address}/${prefix}`,
    `--gateway=${gateway ?? 'none'}`,
    `--dns=${dns.join(',') || 'none'}`,
    ...keepArguments(keep),
  ];
}

/** Sets a static address. @throws NetworkError why not; then everything is as it was */
export async function setStatic(wanted: StaticAddress, options?: QxNetworkOptions) {
  return await change(staticArguments(wanted), { ...options });
}

/** Goes to DHCP. @throws NetworkError why not */
export async function setDhcp(
  wanted: { interface: string; keep: Keep },
  options?: QxNetworkOptions,
): Promise<Change> {
  const args = ['dhcp', wanted.interface, ...keepArguments(wanted.keep)];
  return await change(args, { ...options });
}

/** Joins a WiFi network. @throws NetworkError why not; then everything is as it was */
export async function joinWifi(wanted: WifiNetwork, options?: QxNetworkOptions): Promise<Change> {
  const { interface: name, ssid, password, keep } = wanted;
  const args = ['wifi', name, ssid, ...keepArguments(keep)];
  return await change(args, { ...options, input: `${password}\n` });
}

/** Makes one interface, or all, what their files say. @throws NetworkError why not */
export async function applyNetwork(name?: string, options?: QxNetworkOptions): Promise<Change> {
  return await change(name === undefined ? ['apply'] : ['apply', name], { ...options });
}

function keepArguments(keep: Keep): string[] {
  return keep === 'session' ? ['--session'] : [];
}

async function change(
  args: readonly string[],
  options: QxNetworkOptions & { input?: string },
): Promise<Change> {
  const { stdout, stderr } = await qxNetwork(args, { ...options, timeout: PATIENCE });
  return { result: stdout, warnings: complaints(stderr) };
}
