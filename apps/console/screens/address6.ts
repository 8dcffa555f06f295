/** Checks of typed IPv6 addresses. The rules are those of qx-network, which checks them again. */

/**
 * Converts an address to eight numbers; `null` if it is invalid. Zones and embedded IPv4 addresses are not accepted.
 */
export function toGroups(address: string): number[] | null {
  const [left = '', right, ...more] = address.split('::');
  if (more.length > 0) return null;
  const [before, behind] = [groupsOf(left), right === undefined ? [] : groupsOf(right)];
  if (before === null || behind === null) return null;
  const missing = 8 - before.length - behind.length;
  if (right === undefined ? missing !== 0 : missing < 1) return null;
  return [...before, ...Array.from({ length: missing }, () => 0), ...behind];
}

function groupsOf(text: string): number[] | null {
  if (text === '') return [];
  const groups = text.split(':');
  if (!groups.every((group) => /^[0-9a-fA-F]{1,4}$/.test(group))) return null;
  return groups.map((group) => Number.parseInt(group, 16));
}

/** Whether a machine can have this address and others can reach it: not link-local, loopback, multicast or reserved. */
export function isHostAddress6(address: string): boolean {
  const [first = 0] = toGroups(address) ?? [];
  return first > 0 && (first & 0xff00) !== 0xff00 && !isLinkLocal(first);
}

/** Whether an address is link-local. */
export function isLinkLocal6(address: string): boolean {
  const [first] = toGroups(address) ?? [];
  return first !== undefined && isLinkLocal(first);
}

/** Whether this can be the address of a DNS server; the loopback address is allowed. */
export function isNameServer6(address: string): boolean {
  return isHostAddress6(address) || toGroups(address)?.join() === '0,0,0,0,0,0,0,1';
}

/** An address and the length of its network's prefix. */
export interface Subnet6 {
  address: string;
  prefix: number;
}

/** Parses text such as `2001:db8::7/64`; `null` if it is invalid. */
export function toSubnet6(text: string): Subnet6 | null {
  const [, address = '', digits = ''] = /^([\da-fA-F:]+)\/([1-9]\d{0,2})$/.exec(text) ?? [];
  const prefix = Number(digits);
  return isHostAddress6(address) && prefix <= 128 ? { address, prefix } : null;
}

/** Whether an address is in the subnet of another. */
export function isInSubnet6(address: string, { address: other, prefix }: Subnet6): boolean {
  const [one, two] = [toGroups(address), toGroups(other)];
  if (one === null || two === null) return false;
  return one.every((group, index) => {
    const bits = Math.min(Math.max(prefix - index * 16, 0), 16);
    return group >> (16 - bits) === (two[index] ?? 0) >> (16 - bits);
  });
}

/** Whether two texts denote the same address. */
export function isSameAddress6(one: string, other: string): boolean {
  return toGroups(one) !== null && toGroups(one)?.join() === toGroups(other)?.join();
}

/** Whether this is the first address of a subnet. */
export function isSubnetStart6({ address, prefix }: Subnet6): boolean {
  const groups = toGroups(address) ?? [];
  return groups.every((group, index) => {
    const bits = Math.min(Math.max(prefix - index * 16, 0), 16);
    return (group & (0xffff >> bits)) === 0;
  });
}

function isLinkLocal(first: number): boolean {
  return (first & 0xffc0) === 0xfe80;
}
