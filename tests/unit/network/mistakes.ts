const GOOD = 'IP_ADDRESS=10.0.0.5\nPREFIX=24\n';

/**
 * Network configurations with one mistake each, hostile ones among them: text of a file, and what is told of it. Both
 * parsers, that of `qx-network` and that of `qx-build config-drive`, must tell the same.
 */
export const MISTAKES: [name: string, text: string, told: RegExp][] = [
  ['a command', 'IP_ADDRESS=$(reboot)\nPREFIX=24', /:1: not an address .*: \$\(reboot\)$/],
  ['a command in backquotes', 'IP_ADDRESS=`touch /hit`', /:1: not an address/],
  ['a command on a line', 'touch /hit\n', /:1: not a line KEY=value$/],
  ['a command after a value', 'METHOD=dhcp; touch /hit', /:1: METHOD is dhcp or static/],
  ['a command as a key', '$(touch /hit)=1', /:1: unknown key/],
  ['an unknown key', `${GOOD}GATWAY=10.0.0.1`, /:3: unknown key/],
  ['a key of the shell', 'PATH=/tmp', /:1: unknown key/],
  ['a line of 1 MB', `IP_ADDRESS=${'1'.repeat(1_048_576)}`, /: larger than 4096 bytes$/],
  ['NUL characters', 'IP_ADDRESS=10.0.0.5\0\nPREFIX=24', /: has NUL characters$/],
  ['an octet of 256', 'IP_ADDRESS=10.0.0.256\nPREFIX=24', /:1: not an address/],
  ['an octet with a leading zero', 'IP_ADDRESS=10.0.0.010\nPREFIX=24', /:1: not an address/],
  ['an octet beyond 64 bits', 'IP_ADDRESS=10.0.0.18446744073709551621', /:1: not an address/],
  ['three octets', 'IP_ADDRESS=10.0.5\nPREFIX=24', /:1: not an address/],
  ['five octets', 'IP_ADDRESS=10.0.0.5.6\nPREFIX=24', /:1: not an address/],
  ['a loopback address', 'IP_ADDRESS=127.0.0.1\nPREFIX=8', /:1: not an address/],
  ['a multicast address', 'IP_ADDRESS=224.0.0.5\nPREFIX=24', /:1: not an address/],
  ['/33', 'IP_ADDRESS=10.0.0.5\nPREFIX=33', /:2: not a prefix from 1 to 32: 33$/],
  ['/0', 'IP_ADDRESS=10.0.0.5\nPREFIX=0', /:2: not a prefix/],
  ['a negative prefix', 'IP_ADDRESS=10.0.0.5\nPREFIX=-1', /:2: not a prefix/],
  ['a netmask with holes', 'IP_ADDRESS=10.0.0.5\nNETMASK=255.0.255.0', /:2: not a netmask/],
  ['junk in the netmask', 'IP_ADDRESS=10.0.0.5\nNETMASK=255.255.255.x', /:2: not a netmask/],
  ['netmask and prefix', `${GOOD}NETMASK=255.255.255.0`, /:3: both PREFIX and NETMASK$/],
  ['no prefix', 'IP_ADDRESS=10.0.0.5', /: IP_ADDRESS without PREFIX or NETMASK$/],
  [
    'a gateway outside',
    `${GOOD}GATEWAY=10.0.1.1`,
    /: gateway 10\.0\.1\.1 is outside 10\.0\.0\.5\/24$/,
  ],
  ['itself as gateway', `${GOOD}GATEWAY=10.0.0.5`, /: gateway 10\.0\.0\.5 is the machine itself$/],
  ['the broadcast address', 'IP_ADDRESS=10.0.0.255\nPREFIX=24', /first or last address/],
  ['a gateway at the end', `${GOOD}GATEWAY=10.0.0.0`, /first or last address/],
  ['four name servers', `${GOOD}DNS=9.9.9.9,1.1.1.1,8.8.8.8,8.8.4.4`, /:3: more than three/],
  ['a name as name server', `${GOOD}DNS=dns.example.org`, /:3: not the address of a name server/],
  ['an empty name server', `${GOOD}DNS=9.9.9.9,,1.1.1.1`, /:3: not the address of a name server/],
  ['a key twice', `${GOOD}PREFIX=25`, /:3: PREFIX is there twice$/],
  ['DHCP with an address', `METHOD=dhcp\n${GOOD}`, /METHOD=dhcp together with an address/],
  ['static without address', 'METHOD=static', /METHOD=static without IP_ADDRESS$/],
  ['a short WiFi password', 'SSID=home\nPSK=1234567', /:2: a WiFi password has 8 to 63/],
  ['a long WiFi name', `SSID=${'x'.repeat(33)}`, /:1: a WiFi name has 1 to 32 bytes$/],
  ['a WiFi password alone', 'PSK=12345678', /: PSK without SSID$/],
  ['escape sequences', '\u001b[2J=1', /:1: unknown key/],
];
