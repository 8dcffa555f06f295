import { isIPv4 } from 'node:net';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { readText } from '../host/read.ts';
import { type DefaultRoute, parseDefaultRoutes, parseDefaultRoutes6 } from './default-routes.ts';
import { type LinkKind, readLinkKind } from './link-kind.ts';

/** Facts from which the address is chosen. */
export interface AddressFacts {
  /** Addresses, IPv4 and IPv6, in the kernel's order. */
  addresses: readonly { interface: string; kind: LinkKind; address: string }[];
  /** IPv4 default routes, the preferred one first. */
  defaultRoutes: readonly DefaultRoute[];
  /** IPv6 default routes, the preferred one first. */
  defaultRoutes6: readonly DefaultRoute[];
}

/** Kinds of interfaces, in the order in which they are chosen if there is no default route. */
const PREFERENCE: readonly LinkKind[] = ['ethernet', 'bond', 'bridge', 'vlan', 'wifi', 'virtual'];

/**
 * Chooses the address under which this machine is reached: that of the interface with the preferred default route, of
 * any kind; without a default route, that of an Ethernet, bond, bridge, VLAN, WiFi or other virtual interface, in this
 * order. IPv6 is used only if there is no IPv4 address. Loopback and link-local addresses, and the addresses of
 * networks that connect only guests, are never chosen.
 * @returns `null` if there is none
 */
export function chooseManagementAddress(facts: AddressFacts): string | null {
  const candidates = facts.addresses.filter(
    ({ interface: name, address }) => !name.startsWith('virbr') && !isUnreachable(address),
  );
  const best = (family: typeof candidates, routes: readonly DefaultRoute[]) => {
    const order = routes.map((route) => route.interface);
    const rated = family.flatMap(({ interface: name, kind, address }) => {
      const route = order.indexOf(name);
      const suitability = PREFERENCE.indexOf(kind);
      if (route === -1 && suitability === -1) return [];
      return [{ address, suitability, route: route === -1 ? order.length : route }];
    });
    rated.sort((a, b) => a.route - b.route || a.suitability - b.suitability);
    return rated[0]?.address;
  };
  const [four, six] = [true, false].map((version) =>
    candidates.filter(({ address }) => isIPv4(address) === version),
  );
  return best(four ?? [], facts.defaultRoutes) ?? best(six ?? [], facts.defaultRoutes6) ?? null;
}

/**
 * Reads addresses and default routes as the kernel has them now, of interfaces that are up and have a carrier.
 * @param root folder that contains proc and sys
 */
export async function readAddressFacts(root = '/'): Promise<AddressFacts> {
  const addresses = await Promise.all(
    Object.entries(networkInterfaces()).map(async ([name, infos = []]) => {
      const kind = await readLinkKind(name, root);
      return infos
        .filter(({ internal }) => !internal)
        .map(({ address }) => ({ interface: name, kind, address }));
    }),
  );
  const [routes, routes6] = await Promise.all(
    ['route', 'ipv6_route'].map((name) => readText(join(root, 'proc/net', name))),
  );
  return {
    addresses: addresses.flat(),
    defaultRoutes: parseDefaultRoutes(routes ?? ''),
    defaultRoutes6: parseDefaultRoutes6(routes6 ?? ''),
  };
}

/** Detects the management address. It is not cached, because it may change. */
export async function detectManagementAddress(root = '/'): Promise<string | null> {
  return chooseManagementAddress(await readAddressFacts(root));
}

/** Returns whether an address is loopback, link-local (RFC 3927, RFC 4291), unspecified or multicast. */
export function isUnreachable(address: string): boolean {
  if (isIPv4(address)) return /^(0|127|169\.254|2(2[4-9]|3\d))\./.test(address);
  return /^(::1?$|fe[89ab]|ff|::ffff:)/i.test(address);
}
