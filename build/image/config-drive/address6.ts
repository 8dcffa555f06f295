/** IPv6 addresses follow the rules of the appliances' network program (docs/network.md). */

/** Parses the eight groups of an address; `undefined` for anything else, including a zone or embedded IPv4 octets. */
export function parseAddress6(text: string): number[] | undefined {
  const halves = text.split('::');
  if (halves.length > 2) return undefined;
  const [left, right] = halves.map((half) => (half === '' ? [] : half.split(':')));
  const words = [...(left ?? []), ...(right ?? [])];
  if (!words.every((word) => /^[0-9a-fA-F]{1,4}$/.test(word))) return undefined;
  const missing = 8 - words.length;
  if (halves.length === 2 ? missing < 1 : missing !== 0) return undefined;
  return [...(left ?? []), ...new Array<string>(missing).fill('0'), ...(right ?? [])].map((word) =>
    Number.parseInt(word, 16),
  );
}

/**
 * Whether a machine can have this address and can be reached at it: not link-local, loopback, multicast or reserved.
 */
export function isHostAddress6(text: string): boolean {
  const [first = 0] = parseAddress6(text) ?? [];
  return first > 0 && (first & 0xff00) !== 0xff00 && (first & 0xffc0) !== 0xfe80;
}

/** Whether an address is link-local (fe80::/10). */
export function isLinkLocal6(text: string): boolean {
  const [first = 0] = parseAddress6(text) ?? [];
  return (first & 0xffc0) === 0xfe80;
}

/** Whether this can be the address of a name server; the loopback address is allowed. */
export function isNameServer6(text: string): boolean {
  return isHostAddress6(text) || parseAddress6(text)?.join() === '0,0,0,0,0,0,0,1';
}

/** Parses a prefix length from 1 to 128; `undefined` for anything else. */
export function parsePrefix6(text: string): number | undefined {
  if (!/^[1-9][0-9]{0,2}$/.test(text) || Number(text) > 128) return undefined;
  return Number(text);
}

/** Whether two valid addresses are equal. */
export function isSameAddress6(one: string, another: string): boolean {
  return parseAddress6(one)?.join() === parseAddress6(another)?.join();
}

/** Whether two valid addresses are in the same subnet. @param prefix length of the subnet's prefix in bits */
export function isInSubnet6(one: string, another: string, prefix: number): boolean {
  return subnetOf(one, prefix) === subnetOf(another, prefix);
}

/** Whether an address is the first of a subnet with this prefix length. */
export function isSubnet6(text: string, prefix: number): boolean {
  return isHostAddress6(text) && !bitsOf(text).slice(prefix).includes('1');
}

function subnetOf(text: string, prefix: number): string {
  return bitsOf(text).slice(0, prefix);
}

function bitsOf(text: string): string {
  return (parseAddress6(text) ?? []).map((group) => group.toString(2).padStart(16, '0')).join('');
}
