import { join } from 'node:path';
import { readNames, readText } from '../host/read.ts';

/**
 * Kind of an interface, determined by the files in its folder of sysfs, never by its name. `guests` is the host's end
 * of a guest's network card, or a bridge whose ports are all such ends.
 */
export type LinkKind = 'ethernet' | 'wifi' | 'bond' | 'vlan' | 'bridge' | 'guests' | 'virtual';

/** Returns the kind of an interface, by the names in its folder of /sys/class/net and its `uevent`. */
export function linkKind(names: readonly string[], uevent: string): LinkKind {
  if (names.includes('wireless') || names.includes('phy80211')) return 'wifi';
  if (names.includes('device')) return 'ethernet';
  if (names.includes('bonding')) return 'bond';
  if (names.includes('bridge')) return 'bridge';
  if (names.includes('tun_flags') || names.includes('macvtap')) return 'guests';
  return /^DEVTYPE=vlan$/m.test(uevent) ? 'vlan' : 'virtual';
}

/** Reads the kind of an interface. @param root folder that contains sys */
export async function readLinkKind(name: string, root = '/'): Promise<LinkKind> {
  const folder = join(root, 'sys/class/net', name);
  const kind = linkKind(await readNames(folder), await readText(join(folder, 'uevent')));
  if (kind !== 'bridge') return kind;
  const ports = (await readNames(join(folder, 'brif'))).map((port) => join(folder, '..', port));
  const ofGuests = await Promise.all(
    ports.map(async (port) => (await readNames(port)).includes('tun_flags')),
  );
  return ofGuests.every(Boolean) ? 'guests' : 'bridge';
}
