import { isIPv4 } from 'node:net';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { readText } from '../host/read.ts';
import { type DefaultRoute, parseDefaultRoutes, parseDefaultRoutes6 } from './default-routes.ts';
import { type LinkKind, readLinkKind } from './link-kind.ts';

/** What the choice is made from. */
export interface AddressFacts {
  /** Addresses, IPv4 and IPv6, in the kernel's order. */
  addresses: readonly { interface: string; kind: LinkKind; address: string }[];
  /** Of IPv4, the preferred one first. */
  defaultRoutes: readonly DefaultRoute[];
  /** Of IPv6, the preferred one first. */
  defaultRoutes6: readonly DefaultRoute[];
}

/** Kinds by how well they suit where no default route says it. */
const PREFERENCE: readonly LinkKind[] = ['ethernet', 'bond', 'bridge', 'vlan', 'wifi', 'virtual'];

/**
 * The address under which others reach this machine: that of the interface with the preferred default route, whatever
 * its kind; without a default route that of Ethernet, bond, bridge, VLAN, WiFi. IPv4 first, IPv6 where there is no other.
 * Loopback and link-local addresses, and networks that only guests are on, lead nowhere and never count.
 * @returns `null` if there is none
 */
export function managementAddress(facts: AddressFacts): string | null {
  const candidates = facts.addresses.filter(
    ({ interface: name, address }) => !name.startsWith('virbr') && !leadsNowhere(address),
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
 * Addresses and default routes as the kernel has them now: of interfaces that are up and have a carrier.
 * @param root folder in which proc and sys are
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

/** Detects the management address. Whoever needs it asks anew: it may have changed since. */
export async function detectManagementAddress(root = '/'): Promise<string | null> {
  return managementAddress(await readAddressFacts(root));
}

/** True for loopback, link-local (RFC 3927, RFC 4291), unspecified and multicast addresses. */
export function leadsNowhere(address: string): boolean {
  if (isIPv4(address)) return /^(0|127|169\.254|2(2[4-9]|3\d))\./.test(address);
  return /^(::1?$|fe[89ab]|ff|::ffff:)/i.test(address);
}
