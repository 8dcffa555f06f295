import { join } from 'node:path';
import { readNames, readText } from '../host/read.ts';

/**
 * What an interface is, told by what the kernel has in its folder, never by its name. `guests` is one end of a guest's
 * card, or a bridge that nothing else is a port of.
 */
export type LinkKind = 'ethernet' | 'wifi' | 'bond' | 'vlan' | 'bridge' | 'guests' | 'virtual';

/** What an interface is, by the names in its folder of /sys/class/net and its `uevent`. */
export function linkKind(names: readonly string[], uevent: string): LinkKind {
  if (names.includes('wireless') || names.includes('phy80211')) return 'wifi';
  if (names.includes('device')) return 'ethernet';
  if (names.includes('bonding')) return 'bond';
  if (names.includes('bridge')) return 'bridge';
  if (names.includes('tun_flags') || names.includes('macvtap')) return 'guests';
  return /^DEVTYPE=vlan$/m.test(uevent) ? 'vlan' : 'virtual';
}

/** What an interface is. @param root folder in which sys is */
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
