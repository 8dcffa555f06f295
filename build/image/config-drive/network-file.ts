import { BuildError } from '../../error.ts';
import {
  isHostAddress,
  isInSubnet,
  isNameServer,
  isSubnetEnd,
  parseNetmask,
  parsePrefix,
} from './address.ts';
import { completeLinkPlan, LINK_VALUES, type LinkPlan } from './link-keys.ts';

/** The settings of a file in `network/`. */
export interface NetworkPlan extends LinkPlan {
  method: 'dhcp' | 'static' | 'off';
  address?: string;
  prefix?: number;
  gateway?: string;
  dns: string[];
  ssid?: string;
  psk?: string;
}

/** Maximum number of bytes of a file that the appliances' network program reads. */
const GREATEST_FILE = 4096;

/** Key → check of its value, which returns what is wrong, or `undefined` if the value is valid. */
const VALUES: Readonly<Record<string, (value: string) => string | undefined>> = {
  METHOD: (value) =>
    ['dhcp', 'static', 'off'].includes(value)
      ? undefined
      : `METHOD is dhcp, static or off, not ${value}`,
  IP_ADDRESS: (value) =>
    isHostAddress(value) ? undefined : `not an address that a machine can have: ${value}`,
  PREFIX: (value) =>
    parsePrefix(value) === undefined ? `not a prefix from 1 to 32: ${value}` : undefined,
  NETMASK: (value) =>
    parseNetmask(value) === undefined
      ? `not a netmask, ones followed by zeros: ${value}`
      : undefined,
  GATEWAY: (value) => (isHostAddress(value) ? undefined : `not the address of a gateway: ${value}`),
  DNS: wrongNameServers,
  SSID: (value) =>
    value !== '' && Buffer.byteLength(value) <= 32 ? undefined : 'a WiFi name has 1 to 32 bytes',
  PSK: (value) =>
    /^([ -~]{8,63}|[0-9a-fA-F]{64})$/.test(value)
      ? undefined
      : 'a WiFi password has 8 to 63 printable ASCII characters, or 64 hexadecimal digits',
  ...LINK_VALUES,
};

function wrongNameServers(value: string): string | undefined {
  const servers = value.split(',');
  const wrong = servers.slice(0, 3).find((server) => !isNameServer(server));
  if (wrong !== undefined) return `not the address of a name server: ${wrong}`;
  return servers.length > 3 ? 'more than three name servers' : undefined;
}

/**
 * Parses a network configuration, lines `KEY=value`, by the rules of the appliances' network program (docs/network.md).
 * @param where name of the file, for messages
 * @throws BuildError for the first mistake, with file and line
 */
export function parseNetworkFile(text: string, where: string): NetworkPlan {
  if (Buffer.byteLength(text) > GREATEST_FILE)
    throw wrong(`larger than ${GREATEST_FILE} bytes`, where);
  if (text.includes('\0')) throw wrong('has NUL characters', where);
  const values = new Map<string, string>();
  for (const [index, line] of text.split('\n').entries()) {
    readLine(line.replace(/\r$/, ''), { values, where: `${where}:${index + 1}` });
  }
  return complete(values, where);
}

function readLine(line: string, { values, where }: { values: Map<string, string>; where: string }) {
  if (line === '' || line.startsWith('#')) return;
  const equals = line.indexOf('=');
  if (equals < 0) throw wrong('not a line KEY=value', where);
  const [key, value] = [line.slice(0, equals), line.slice(equals + 1)];
  if (values.has(key)) throw wrong(`${key} is there twice`, where);
  const check = Object.hasOwn(VALUES, key) ? VALUES[key] : undefined;
  if (check === undefined) throw wrong(`unknown key (${Object.keys(VALUES).join(' ')})`, where);
  const other = key === 'PREFIX' ? 'NETMASK' : key === 'NETMASK' ? 'PREFIX' : '';
  if (values.has(other)) throw wrong('both PREFIX and NETMASK', where);
  const mistake = check(value);
  if (mistake !== undefined) throw wrong(mistake, where);
  values.set(key, value);
}

/** Adds defaults and derived values, and checks rules that involve several keys. */
function complete(values: ReadonlyMap<string, string>, where: string): NetworkPlan {
  const [address, gateway] = [values.get('IP_ADDRESS'), values.get('GATEWAY')];
  const prefix =
    parsePrefix(values.get('PREFIX') ?? '') ?? parseNetmask(values.get('NETMASK') ?? '');
  const [ssid, psk, dns] = [values.get('SSID'), values.get('PSK'), values.get('DNS')];
  if (psk !== undefined && ssid === undefined) throw wrong('PSK without SSID', where);
  const wifi = { ...(ssid === undefined ? {} : { ssid }), ...(psk === undefined ? {} : { psk }) };
  const link = completeLinkPlan(values, (mistake) => {
    throw wrong(mistake, where);
  });
  const method = values.get('METHOD') ?? (address === undefined ? 'dhcp' : 'static');
  if (method === 'dhcp' || method === 'off') {
    if ([address, prefix, gateway, dns].some((value) => value !== undefined)) {
      throw wrong(`METHOD=${method} together with an address, gateway or DNS`, where);
    }
    return { method, dns: [], ...wifi, ...link };
  }
  if (address === undefined) throw wrong('METHOD=static without IP_ADDRESS', where);
  if (prefix === undefined) throw wrong('IP_ADDRESS without PREFIX or NETMASK', where);
  checkSubnet({ address, prefix, gateway, where });
  return {
    method: 'static',
    address,
    prefix,
    ...(gateway === undefined ? {} : { gateway }),
    dns: dns?.split(',') ?? [],
    ...wifi,
    ...link,
  };
}

interface Subnet {
  address: string;
  prefix: number;
  gateway: string | undefined;
  where: string;
}

function checkSubnet({ address, prefix, gateway, where }: Subnet): void {
  const end = 'is the first or last address of its subnet';
  if (isSubnetEnd(address, prefix)) throw wrong(`${address}/${prefix} ${end}`, where);
  if (gateway === undefined) return;
  if (!isInSubnet(address, gateway, prefix)) {
    throw wrong(`gateway ${gateway} is outside ${address}/${prefix}`, where);
  }
  if (gateway === address) throw wrong(`gateway ${gateway} is the machine itself`, where);
  if (isSubnetEnd(gateway, prefix)) throw wrong(`gateway ${gateway} ${end}`, where);
}

function wrong(what: string, where: string): BuildError {
  const printable = what.replace(/[^ -~]/g, '?').slice(0, 160);
  return new BuildError({
    what: printable,
    where,
    fix: 'docs/network.md lists the keys.',
  });
}
