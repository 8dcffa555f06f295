/** IPv4 addresses and netmasks, by the rules of `qx-network` (overlay/common/usr/lib/quantix/network/address.sh). */

const OCTET = /^(0|[1-9][0-9]{0,2})$/;

/** Four octets in dotted form as a 32-bit number; `undefined` for anything else, leading zeros included. */
export function parseAddress(text: string): number | undefined {
  const octets = text.split('.');
  if (octets.length !== 4 || !octets.every((octet) => OCTET.test(octet) && Number(octet) <= 255)) {
    return undefined;
  }
  return octets.reduce((number, octet) => number * 256 + Number(octet), 0);
}

/** True for an address that one machine can have: not 0/8, loopback, multicast or reserved. */
export function isHostAddress(text: string): boolean {
  const first = firstOctet(text);
  return first !== undefined && first >= 1 && first !== 127 && first <= 223;
}

/** True for an address that can be asked for names; the machine's own counts too. */
export function isNameServer(text: string): boolean {
  return isHostAddress(text) || firstOctet(text) === 127;
}

/** A prefix from 1 to 32; `undefined` for anything else. */
export function parsePrefix(text: string): number | undefined {
  if (!/^[1-9][0-9]?$/.test(text) || Number(text) > 32) return undefined;
  return Number(text);
}

/** The prefix that a netmask stands for; `undefined` if it is none, has holes, or is 0.0.0.0. */
export function prefixOfNetmask(text: string): number | undefined {
  const mask = parseAddress(text);
  if (mask === undefined) return undefined;
  const bits = mask.toString(2).padStart(32, '0');
  return /^1+0*$/.test(bits) ? bits.replaceAll('0', '').length : undefined;
}

/** True if two addresses, valid ones, are in one subnet. */
export function inSubnet(one: string, another: string, prefix: number): boolean {
  const size = 2 ** (32 - prefix);
  return (
    Math.floor((parseAddress(one) ?? 0) / size) === Math.floor((parseAddress(another) ?? 0) / size)
  );
}

/** True for the first or last address of a subnet, which no machine can have. */
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
