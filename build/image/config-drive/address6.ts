/** IPv6 addresses, by the rules of `qx-network` (overlay/common/usr/lib/quantix/network/address6.sh). */

/** The eight groups of an address, without a zone or octets of IPv4 in it; `undefined` for anything else. */
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

/** True for an address that one machine can have and others can reach: not link-local, loopback, multicast, reserved. */
export function isHostAddress6(text: string): boolean {
  const [first = 0] = parseAddress6(text) ?? [];
  return first > 0 && (first & 0xff00) !== 0xff00 && (first & 0xffc0) !== 0xfe80;
}

export function isLinkLocal6(text: string): boolean {
  const [first = 0] = parseAddress6(text) ?? [];
  return (first & 0xffc0) === 0xfe80;
}

/** True for an address that can be asked for names; the machine's own counts too. */
export function isNameServer6(text: string): boolean {
  return isHostAddress6(text) || parseAddress6(text)?.join() === '0,0,0,0,0,0,0,1';
}

/** A prefix from 1 to 128; `undefined` for anything else. */
export function parsePrefix6(text: string): number | undefined {
  if (!/^[1-9][0-9]{0,2}$/.test(text) || Number(text) > 128) return undefined;
  return Number(text);
}

/** True for two valid addresses that are the same one. */
export function isSameAddress6(one: string, another: string): boolean {
  return parseAddress6(one)?.join() === parseAddress6(another)?.join();
}

/** True if two addresses, valid ones, are in one subnet. */
export function inSubnet6(one: string, another: string, prefix: number): boolean {
  return subnetOf(one, prefix) === subnetOf(another, prefix);
}

/** True for the first address of a subnet. */
export function isSubnet6(text: string, prefix: number): boolean {
  return isHostAddress6(text) && !bitsOf(text).slice(prefix).includes('1');
}

function subnetOf(text: string, prefix: number): string {
  return bitsOf(text).slice(0, prefix);
}

function bitsOf(text: string): string {
  return (parseAddress6(text) ?? []).map((group) => group.toString(2).padStart(16, '0')).join('');
}
