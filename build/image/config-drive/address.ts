/** IPv4 addresses and netmasks follow the rules of the appliances' network program (docs/network.md). */

const OCTET = /^(0|[1-9][0-9]{0,2})$/;

/** Parses four octets in dotted form to a 32-bit number; `undefined` for anything else, including leading zeros. */
export function parseAddress(text: string): number | undefined {
  const octets = text.split('.');
  if (octets.length !== 4 || !octets.every((octet) => OCTET.test(octet) && Number(octet) <= 255)) {
    return undefined;
  }
  return octets.reduce((number, octet) => number * 256 + Number(octet), 0);
}

/** Whether a machine can have this address: not in 0/8, loopback, multicast or reserved. */
export function isHostAddress(text: string): boolean {
  const first = firstOctet(text);
  return first !== undefined && first >= 1 && first !== 127 && first <= 223;
}

/** Whether this can be the address of a name server; loopback addresses are allowed. */
export function isNameServer(text: string): boolean {
  return isHostAddress(text) || firstOctet(text) === 127;
}

/** Parses a prefix length from 1 to 32; `undefined` for anything else. */
export function parsePrefix(text: string): number | undefined {
  if (!/^[1-9][0-9]?$/.test(text) || Number(text) > 32) return undefined;
  return Number(text);
}

/** Returns the prefix length of a netmask; `undefined` if it is not a netmask, has holes, or is 0.0.0.0. */
export function parseNetmask(text: string): number | undefined {
  const mask = parseAddress(text);
  if (mask === undefined) return undefined;
  const bits = mask.toString(2).padStart(32, '0');
  return /^1+0*$/.test(bits) ? bits.replaceAll('0', '').length : undefined;
}

/** Whether two valid addresses are in the same subnet. @param prefix length of the subnet's prefix in bits */
export function isInSubnet(one: string, another: string, prefix: number): boolean {
  const size = 2 ** (32 - prefix);
  return (
    Math.floor((parseAddress(one) ?? 0) / size) === Math.floor((parseAddress(another) ?? 0) / size)
  );
}

/**
 * Whether an address is the first or last of a subnet with this prefix length, which no machine can have; false for
 * subnets of one or two addresses.
 */
export function isSubnetEnd(text: string, prefix: number): boolean {
  if (prefix > 30) return false;
  const size = 2 ** (32 - prefix);
  const host = (parseAddress(text) ?? 0) % size;
  return host === 0 || host === size - 1;
}

function firstOctet(text: string): number | undefined {
  const number = parseAddress(text);
  return number === undefined ? undefined : Math.floor(number / 2 ** 24);
}
