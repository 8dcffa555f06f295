/** Checks of typed IPv4 addresses. The rules are those of qx-network, which checks them again. */

/** Converts an address to a 32-bit number; `null` if it is invalid: four octets, without leading zeros. */
export function toNumber(address: string): number | null {
  const octets = address.split('.');
  if (octets.length !== 4 || !octets.every((octet) => /^(0|[1-9]\d{0,2})$/.test(octet)))
    return null;
  const numbers = octets.map(Number);
  if (numbers.some((octet) => octet > 255)) return null;
  return numbers.reduce((sum, octet) => sum * 256 + octet, 0);
}

/** Whether a machine can have this address: not 0/8, loopback, multicast or reserved. */
export function isHostAddress(address: string): boolean {
  const first = firstOctet(address);
  return first >= 1 && first !== 127 && first <= 223;
}

/** Whether this can be the address of a DNS server; loopback addresses are allowed. */
export function isNameServer(address: string): boolean {
  return isHostAddress(address) || firstOctet(address) === 127;
}

/** An address and the length of its network's prefix. */
export interface Subnet {
  address: string;
  prefix: number;
}

/** Parses text such as `10.0.0.7/24`; `null` if it is invalid. */
export function toSubnet(text: string): Subnet | null {
  const [, address = '', digits = ''] = /^([\d.]+)\/([1-9]\d?)$/.exec(text) ?? [];
  const prefix = Number(digits);
  if (!isHostAddress(address) || prefix < 1 || prefix > 32) return null;
  return { address, prefix };
}

/** Whether an address is in the subnet of another. */
export function isInSubnet(address: string, subnet: Subnet): boolean {
  const size = 2 ** (32 - subnet.prefix);
  const [one, other] = [toNumber(address), toNumber(subnet.address)];
  return one !== null && other !== null && Math.floor(one / size) === Math.floor(other / size);
}

/** Whether this is the first or last address of a subnet, which no machine can have. */
export function isSubnetEnd({ address, prefix }: Subnet): boolean {
  const number = toNumber(address);
  if (number === null || prefix > 30) return false;
  const size = 2 ** (32 - prefix);
  return number % size === 0 || number % size === size - 1;
}

/** Whether this is the first address of a subnet. */
export function isSubnetStart({ address, prefix }: Subnet): boolean {
  const number = toNumber(address);
  return number !== null && number % 2 ** (32 - prefix) === 0;
}

function firstOctet(address: string): number {
  const number = toNumber(address);
  return number === null ? -1 : Math.floor(number / 2 ** 24);
}
