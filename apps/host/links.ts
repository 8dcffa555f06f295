import { type NetworkInterfaceInfo, networkInterfaces } from 'node:os';
import { join } from 'node:path';
import type { Link } from '../api/host.ts';
import { readAttribute, readNames, readNumber, readText } from './read.ts';

/** Largest number of links; those of guests do not count. */
const MOST = 1024;

/** Current addresses, by name of the link. */
export type LinkAddresses = Readonly<Record<string, readonly NetworkInterfaceInfo[] | undefined>>;

/**
 * Reads the links to which a guest's card can be attached or that carry an address: cards, bridges, bonds and VLANs.
 * @param root folder that contains proc and sys
 * @param addresses as `os.networkInterfaces` returns them; those of this machine if absent
 */
export async function readLinks(
  root = '/',
  addresses: LinkAddresses = networkInterfaces(),
): Promise<Link[]> {
  const names = await readNames(join(root, 'sys/class/net'));
  const links = await Promise.all(names.map((name) => readLink(name, root, addresses[name] ?? [])));
  return links.filter((link) => link !== null).slice(0, MOST);
}

async function readLink(
  name: string,
  root: string,
  infos: readonly NetworkInterfaceInfo[],
): Promise<Link | null> {
  const folder = join(root, 'sys/class/net', name);
  const names = await readNames(folder);
  const type = kindOf(names, await readText(join(folder, 'uevent')));
  if (type === null) return null;
  const [mac, mtu, carrier] = await Promise.all([
    readAttribute(join(folder, 'address')),
    readNumber(join(folder, 'mtu')),
    readNumber(join(folder, 'carrier')),
  ]);
  const lower = names.filter((one) => one.startsWith('lower_')).map((one) => one.slice(6));
  const vlan = type === 'vlan' ? await readText(join(root, 'proc/net/vlan', name)) : '';
  return {
    name,
    type,
    mac: (mac ?? '').toLowerCase(),
    addresses: infos.flatMap(({ cidr, address }) =>
      cidr === null || /^(?:fe[89ab]|169\.254\.)/i.test(address) ? [] : [cidr],
    ),
    ports: type === 'card' ? [] : lower,
    vlanId: Number(/\bVID: (\d{1,4})\b/.exec(vlan)?.[1] ?? 0),
    mtu: mtu ?? 0,
    up: carrier === 1,
  };
}

/**
 * Returns the type of a link by the files in its folder of sysfs, never by its name; `null` for links of guests and
 * others.
 */
function kindOf(names: readonly string[], uevent: string): Link['type'] | null {
  if (names.includes('device')) return 'card';
  if (names.includes('bonding')) return 'bond';
  if (names.includes('bridge')) return 'bridge';
  return /^DEVTYPE=vlan$/m.test(uevent) ? 'vlan' : null;
}
