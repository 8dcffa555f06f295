import { basename, join } from 'node:path';
import type { Nic } from '../api/host.ts';
import { readAttribute, readNames, readNumber, readTarget } from './read.ts';

/** ARPHRD_ETHER of <linux/if_arp.h>: Ethernet and WiFi. */
const ETHERNET = 1;

/**
 * Reads the network cards of a machine. They are recognized by their device: bridges, bonds, veth and tap have none.
 * @param root folder that contains sys
 */
export async function readNics(root = '/'): Promise<Nic[]> {
  const folder = join(root, 'sys/class/net');
  const nics = await Promise.all(
    (await readNames(folder)).map((name) => readNic(join(folder, name), name)),
  );
  return nics.filter((nic) => nic !== null);
}

async function readNic(folder: string, name: string): Promise<Nic | null> {
  const [names, type] = await Promise.all([readNames(folder), readNumber(join(folder, 'type'))]);
  if (!names.includes('device') || type !== ETHERNET) return null;
  const [address, burntIn, driver, speed, mtu] = await Promise.all([
    readAttribute(join(folder, 'address')),
    // A card in a bond has the bond's address.
    readAttribute(join(folder, 'bonding_slave/perm_hwaddr')),
    readTarget(join(folder, 'device/driver')),
    readNumber(join(folder, 'speed')),
    readNumber(join(folder, 'mtu')),
  ]);
  const isWifi = names.includes('wireless') || names.includes('phy80211');
  return {
    name,
    mac: burntIn ?? address ?? '',
    driver: driver === null ? null : basename(driver),
    speed: speed !== null && speed > 0 ? speed : null,
    mtu: mtu ?? 0,
    kind: isWifi ? 'wifi' : 'ethernet',
  };
}
