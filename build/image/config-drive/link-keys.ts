import { isHostAddress, isInSubnet, isSubnetEnd, parsePrefix } from './address.ts';
import {
  isHostAddress6,
  isInSubnet6,
  isLinkLocal6,
  isNameServer6,
  isSameAddress6,
  isSubnet6,
  parsePrefix6,
} from './address6.ts';

/** The settings of a network file for bridges, bonds, VLANs, routes and IPv6. */
export interface LinkPlan {
  type?: 'bridge' | 'bond' | 'vlan';
  ports: string[];
  bondMode?: string;
  vlanId?: number;
  link?: string;
  mtu?: number;
  /** Each is `SUBNET/PREFIX via GATEWAY`. */
  routes: string[];
  method6: 'auto' | 'static' | 'off';
  address6?: string;
  prefix6?: number;
  gateway6?: string;
  dns6: string[];
}

type Check = (value: string) => string | undefined;

const INTERFACE = /^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,14}$/;

/** Key → check of its value, which returns what is wrong, or `undefined` if the value is valid. */
export const LINK_VALUES: Readonly<Record<string, Check>> = {
  TYPE: oneOf('TYPE is bridge, bond or vlan', ['bridge', 'bond', 'vlan']),
  PORTS: wrongPorts,
  BOND_MODE: oneOf('BOND_MODE is active-backup or 802.3ad', ['active-backup', '802.3ad']),
  VLAN_ID: (value) => (isWhole(value, 1, 4094) ? undefined : `not a VLAN from 1 to 4094: ${value}`),
  LINK: (value) => (INTERFACE.test(value) ? undefined : `not the name of an interface: ${value}`),
  MTU: (value) =>
    isWhole(value, 1280, 9216) ? undefined : `not an MTU from 1280 to 9216: ${value}`,
  ROUTES: (value) => {
    const wrong = value.split(',').find((route) => !isRoute(route));
    return wrong === undefined ? undefined : `not a route SUBNET/PREFIX via GATEWAY: ${wrong}`;
  },
  METHOD6: oneOf('METHOD6 is auto, static or off', ['auto', 'static', 'off']),
  IP_ADDRESS6: (value) =>
    isHostAddress6(value) ? undefined : `not an IPv6 address that a machine can have: ${value}`,
  PREFIX6: (value) =>
    parsePrefix6(value) === undefined ? `not a prefix from 1 to 128: ${value}` : undefined,
  GATEWAY6: (value) =>
    isHostAddress6(value) || isLinkLocal6(value)
      ? undefined
      : `not the IPv6 address of a gateway: ${value}`,
  DNS6: (value) => {
    const servers = value.split(',');
    const wrong = servers.slice(0, 3).find((server) => !isNameServer6(server));
    if (wrong !== undefined) return `not the IPv6 address of a name server: ${wrong}`;
    return servers.length > 3 ? 'more than three name servers' : undefined;
  },
};

function oneOf(rule: string, words: readonly string[]): Check {
  return (value) => (words.includes(value) ? undefined : `${rule}, not ${value}`);
}

function isWhole(value: string, least: number, most: number): boolean {
  return /^[1-9][0-9]{0,8}$/.test(value) && Number(value) >= least && Number(value) <= most;
}

function wrongPorts(value: string): string | undefined {
  if (value === '') return undefined;
  const seen = new Set<string>();
  for (const port of value.split(',')) {
    if (!INTERFACE.test(port)) return `not the name of an interface: ${port}`;
    if (seen.has(port)) return `port ${port} is there twice`;
    seen.add(port);
  }
  return undefined;
}

function isRoute(route: string): boolean {
  const [, subnet = '', bits = '', through = ''] = /^([^/]*)\/(.*?) via (.*)$/.exec(route) ?? [];
  if (subnet.includes(':')) {
    const prefix = parsePrefix6(bits);
    if (prefix === undefined || !isSubnet6(subnet, prefix)) return false;
    return isHostAddress6(through) || isLinkLocal6(through);
  }
  const prefix = parsePrefix(bits);
  return prefix !== undefined && isSubnet(subnet, prefix) && isHostAddress(through);
}

function isSubnet(subnet: string, prefix: number): boolean {
  if (!isHostAddress(subnet) || prefix === 32) return isHostAddress(subnet);
  if (prefix === 31) return Number(subnet.split('.')[3]) % 2 === 0;
  return (
    isSubnetEnd(subnet, prefix) && isInSubnet(subnet, subnet, prefix) && isFirst(subnet, prefix)
  );
}

function isFirst(subnet: string, prefix: number): boolean {
  const octets = subnet.split('.').map((octet) => Number(octet).toString(2).padStart(8, '0'));
  return !octets.join('').slice(prefix).includes('1');
}

/**
 * Adds defaults and derived values, and checks rules that involve several keys.
 * @param refuse throws for a mistake
 */
export function completeLinkPlan(
  values: ReadonlyMap<string, string>,
  refuse: (mistake: string) => never,
): LinkPlan {
  const has = (...keys: string[]) => keys.some((key) => values.get(key));
  const type = values.get('TYPE') as LinkPlan['type'];
  if (type === undefined && has('PORTS', 'BOND_MODE', 'VLAN_ID', 'LINK'))
    refuse('PORTS, BOND_MODE, VLAN_ID or LINK without TYPE');
  if (type === 'bridge' && has('BOND_MODE', 'VLAN_ID', 'LINK'))
    refuse('TYPE=bridge together with BOND_MODE, VLAN_ID or LINK');
  if (type === 'bond' && has('VLAN_ID', 'LINK')) refuse('TYPE=bond together with VLAN_ID or LINK');
  if (type === 'bond' && !has('PORTS')) refuse('TYPE=bond without PORTS');
  if (type === 'vlan' && has('PORTS', 'BOND_MODE'))
    refuse('TYPE=vlan together with PORTS or BOND_MODE');
  if (type === 'vlan' && !(has('VLAN_ID') && has('LINK')))
    refuse('TYPE=vlan without VLAN_ID or LINK');
  if (type !== undefined && values.has('SSID')) refuse('SSID together with TYPE');
  const optional = {
    type,
    bondMode: values.get('BOND_MODE') ?? (type === 'bond' ? 'active-backup' : undefined),
    vlanId: numberIn(values, 'VLAN_ID'),
    link: values.get('LINK'),
    mtu: numberIn(values, 'MTU'),
  };
  return {
    ...(Object.fromEntries(
      Object.entries(optional).filter(([, value]) => value !== undefined),
    ) as Partial<LinkPlan>),
    ports: listIn(values, 'PORTS'),
    routes: listIn(values, 'ROUTES'),
    ...completePlan6(values, refuse),
  };
}

type Plan6 = Pick<LinkPlan, 'method6' | 'address6' | 'prefix6' | 'gateway6' | 'dns6'>;

function completePlan6(
  values: ReadonlyMap<string, string>,
  refuse: (mistake: string) => never,
): Plan6 {
  const [address6, gateway6] = [values.get('IP_ADDRESS6'), values.get('GATEWAY6')];
  const prefix6 = numberIn(values, 'PREFIX6');
  const dns6 = listIn(values, 'DNS6');
  const method6 = (values.get('METHOD6') ??
    (address6 === undefined ? 'auto' : 'static')) as Plan6['method6'];
  const hasAddress = [address6, prefix6, gateway6].some((value) => value !== undefined);
  if (method6 === 'off' && (hasAddress || dns6.length > 0))
    refuse('METHOD6=off together with an address, gateway or DNS');
  if (method6 === 'auto' && hasAddress) refuse('METHOD6=auto together with an address or gateway');
  if (method6 !== 'static') return { method6, dns6 };
  if (address6 === undefined) return refuse('METHOD6=static without IP_ADDRESS6');
  if (prefix6 === undefined) return refuse('IP_ADDRESS6 without PREFIX6');
  if (gateway6 === undefined) return { method6, address6, prefix6, dns6 };
  if (isSameAddress6(address6, gateway6)) refuse(`gateway ${gateway6} is the machine itself`);
  if (!isLinkLocal6(gateway6) && !isInSubnet6(address6, gateway6, prefix6))
    refuse(`gateway ${gateway6} is outside ${address6}/${prefix6}`);
  return { method6, address6, prefix6, gateway6, dns6 };
}

function numberIn(values: ReadonlyMap<string, string>, key: string): number | undefined {
  const value = values.get(key);
  return value === undefined ? undefined : Number(value);
}

function listIn(values: ReadonlyMap<string, string>, key: string): string[] {
  return (values.get(key) ?? '').split(',').filter((word) => word !== '');
}
