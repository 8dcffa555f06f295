import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { readText } from '../host/read.ts';
import { type DefaultRoute, parseDefaultRoutes } from './default-routes.ts';
import { type LinkKind, readLinkKind } from './link-kind.ts';

/** What the choice is made from. */
export interface AddressFacts {
  /** IPv4 addresses in the kernel's order. */
  addresses: readonly { interface: string; kind: LinkKind; address: string }[];
  /** The preferred one first. */
  defaultRoutes: readonly DefaultRoute[];
}

/** Kinds by how well they suit, after the physical interface with the default route. */
const PREFERENCE: readonly LinkKind[] = ['ethernet', 'bond', 'wifi', 'vlan', 'bridge', 'virtual'];

/**
 * The address under which others reach this machine: that of the physical interface with the default route, then of
 * Ethernet, bond, WiFi; bridges and what is virtual come last. Among equals the one with the preferred default route is
 * taken. Loopback, link-local addresses and libvirt's NAT networks (`virbr…`) lead nowhere and never count.
 * @returns `null` if there is none
 */
export function managementAddress({ addresses, defaultRoutes }: AddressFacts): string | null {
  const routes = defaultRoutes.map((route) => route.interface);
  const candidates = addresses
    .filter((one) => !one.interface.startsWith('virbr') && !leadsNowhere(one.address))
    .map(({ interface: name, kind, address }) => {
      const route = routes.indexOf(name);
      const hasRoute = route >= 0;
      const isPhysical = kind === 'ethernet' || kind === 'wifi';
      const suitability = hasRoute && isPhysical ? -1 : PREFERENCE.indexOf(kind);
      return { address, suitability, route: hasRoute ? route : routes.length };
    });
  candidates.sort((a, b) => a.suitability - b.suitability || a.route - b.route);
  return candidates[0]?.address ?? null;
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
        .filter(({ family, internal }) => family === 'IPv4' && !internal)
        .map(({ address }) => ({ interface: name, kind, address }));
    }),
  );
  const routes = await readText(join(root, 'proc/net/route'));
  return { addresses: addresses.flat(), defaultRoutes: parseDefaultRoutes(routes) };
}

/** Detects the management address. Whoever needs it asks anew: it may have changed since. */
export async function detectManagementAddress(root = '/'): Promise<string | null> {
  return managementAddress(await readAddressFacts(root));
}

/** True for loopback, link-local (RFC 3927), unspecified and multicast addresses. */
function leadsNowhere(address: string): boolean {
  return /^(0|127|169\.254|2(2[4-9]|3\d))\./.test(address);
}
