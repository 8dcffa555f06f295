import { isHostAddress, isSubnetStart, toSubnet } from './address.ts';
import { isHostAddress6, isLinkLocal6, isSubnetStart6, toSubnet6 } from './address6.ts';

/** Checks of typed names, numbers and routes of links. The rules are those of qx-network, which checks them again. */

/** Whether this can be the name of an interface. */
export function isInterfaceName(name: string): boolean {
  return /^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,14}$/.test(name);
}

/** Splits a comma-separated list. */
export function toList(text: string): string[] {
  return text.trim() === '' ? [] : text.split(',').map((word) => word.trim());
}

/** Returns what is wrong with the names of ports; `null` if nothing is. */
export function findPortsProblem(text: string): string | null {
  const ports = toList(text);
  const wrong = ports.find((port) => !isInterfaceName(port));
  if (wrong !== undefined)
    return `Not the name of an interface: ${wrong === '' ? '(nothing)' : wrong}`;
  const twice = ports.find((port, index) => ports.indexOf(port) !== index);
  return twice === undefined ? null : `${twice} is there twice.`;
}

/** Whether this is a decimal number in a range, without leading zeros. */
export function isNumber(text: string, least: number, most: number): boolean {
  return /^[1-9]\d{0,8}$/.test(text) && Number(text) >= least && Number(text) <= most;
}

/** Whether this is a route in the form `SUBNET/PREFIX via GATEWAY`. */
export function isRoute(text: string): boolean {
  const [, subnet = '', gateway = ''] = /^(\S+) via (\S+)$/.exec(text) ?? [];
  if (subnet.includes(':')) {
    const six = toSubnet6(subnet);
    return (
      six !== null && isSubnetStart6(six) && (isHostAddress6(gateway) || isLinkLocal6(gateway))
    );
  }
  const four = toSubnet(subnet);
  return four !== null && isSubnetStart(four) && isHostAddress(gateway);
}
