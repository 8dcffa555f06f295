import { describe, expect, test } from 'vitest';
import { BuildError } from '../../../build/error.ts';
import { parseNetworkFile } from '../../../build/image/config-drive/network-file.ts';
import { MISTAKES } from './mistakes.ts';

const parse = (text: string) => parseNetworkFile(text, 'eth0.conf');

/** Defaults for a file without settings of bridges and IPv6. */
const plain = { method6: 'auto', ports: [], routes: [], dns6: [] };

/** Returns the mistake in the format of `qx-network`: `file:line: what`. */
function mistakeIn(text: string): string {
  try {
    parse(text);
  } catch (error) {
    if (error instanceof BuildError) return `${error.where}: ${error.what}`;
    throw error;
  }
  return 'none';
}

describe('a network configuration', () => {
  test.each(MISTAKES)(
    'with %s is refused with the same message as by qx-network',
    (_, text, told) => {
      expect(mistakeIn(text)).toMatch(told);
      expect(mistakeIn(text)).toMatch(/^eth0\.conf[:\d]* [ -~]{1,160}$/);
    },
  );

  test('may be static, with a netmask, comments and CRLF line ends', () => {
    const text =
      '# rack 7\r\nIP_ADDRESS=10.0.0.5\r\nNETMASK=255.255.254.0\r\nGATEWAY=10.0.1.1\r\nDNS=9.9.9.9,127.0.0.1\r\n';
    expect(parse(text)).toEqual({
      ...plain,
      method: 'static',
      address: '10.0.0.5',
      prefix: 23,
      gateway: '10.0.1.1',
      dns: ['9.9.9.9', '127.0.0.1'],
    });
  });

  test('may be DHCP, which is also the default', () => {
    expect(parse('')).toEqual({ ...plain, method: 'dhcp', dns: [] });
    expect(parse('METHOD=dhcp')).toEqual({ ...plain, method: 'dhcp', dns: [] });
  });

  test('may name a WiFi network, whose name and password are read literally', () => {
    expect(parse('SSID=a = "b"\nPSK= pass=word\n')).toEqual({
      ...plain,
      method: 'dhcp',
      dns: [],
      ssid: 'a = "b"',
      psk: ' pass=word',
    });
  });

  test('may use every address of a /31, and a /32 without gateway', () => {
    expect(parse('IP_ADDRESS=10.0.0.0\nPREFIX=31\nGATEWAY=10.0.0.1').gateway).toBe('10.0.0.1');
    expect(parse('IP_ADDRESS=10.0.0.255\nPREFIX=32').prefix).toBe(32);
    expect(mistakeIn('IP_ADDRESS=10.0.0.255\nPREFIX=32\nGATEWAY=10.0.0.1')).toMatch('outside');
  });

  test('with names of JavaScript object properties as keys is refused', () => {
    for (const key of ['__proto__', 'constructor', 'toString', '']) {
      expect(mistakeIn(`${key}=1`)).toMatch(':1: unknown key');
    }
  });
});
