import { access, chmod, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test, vi } from 'vitest';
import {
  applyCommand,
  changeNetwork,
  confirmCommand,
  linkCommand,
  makeDhcpCommand,
  makeIpv6Command,
  makeMtuCommand,
  makeOffCommand,
  makeRoutesCommand,
  makeStaticCommand,
  makeWifiCommand,
  removeCommand,
} from '../../../../apps/network/change.ts';
import { parseScan } from '../../../../apps/network/scan.ts';
import { parseStatus, readNetwork } from '../../../../apps/network/status.ts';
import { temporaryFolder } from '../../folder.ts';

/** A script in place of qx-network. */
async function standIn(script: string): Promise<{ program: string }> {
  const program = join(await temporaryFolder(), 'qx-network');
  await writeFile(program, `#!/bin/sh\n${script}\n`);
  await chmod(program, 0o755);
  return { program };
}

const echo = 'printf "[%s]" "$@"; cat';

describe('a change of the network', () => {
  const keep = 'persistent';
  const wanted = {
    interface: 'eth0',
    address: '10.0.0.7',
    prefix: 24,
    gateway: '10.0.0.1',
    dns: ['9.9.9.9', '1.1.1.1'],
  };
  const bare = { ...wanted, gateway: null, dns: [] };
  const six = { interface: 'eth0', gateway: null, dns: [] };

  test('is passed to qx-network as arguments', async () => {
    const { result } = await changeNetwork(
      makeStaticCommand(wanted, { keep: 'session' }),
      await standIn(echo),
    );
    expect(result).toBe(
      '[static][eth0][10.0.0.7/24][--gateway=10.0.0.1][--dns=9.9.9.9,1.1.1.1][--session]',
    );
  });

  test.each([
    // Without these options, qx-network would keep the previous gateway and name servers.
    [makeStaticCommand(bare, { keep }), 'static eth0 10.0.0.7/24 --gateway=none --dns=none'],
    [makeDhcpCommand('eth0', { keep, confirm: 120 }), 'dhcp eth0 --confirm 120'],
    [makeOffCommand('br1', { keep: 'session', confirm: 60 }), 'off br1 --session --confirm 60'],
    [makeIpv6Command({ ...six, address: 'off' }, { keep }), 'ipv6 eth0 off'],
    [
      makeIpv6Command(
        { ...six, address: '2001:db8::7/64', gateway: 'fe80::1', dns: ['::1'] },
        { keep },
      ),
      'ipv6 eth0 2001:db8::7/64 --gateway=fe80::1 --dns=::1',
    ],
    [linkCommand({ type: 'bridge', name: 'br0', ports: [] }, { keep }), 'bridge br0 none'],
    [
      linkCommand({ type: 'bond', name: 'b0', ports: ['a', 'b'], mode: '802.3ad' }, { keep }),
      'bond b0 a,b --mode 802.3ad',
    ],
    [linkCommand({ type: 'vlan', name: 'v7', link: 'eth0', id: 7 }, { keep }), 'vlan v7 eth0 7'],
    [removeCommand('v7'), 'remove v7'],
    [makeMtuCommand('eth0', null, keep), 'mtu eth0 default'],
    [makeMtuCommand('eth0', 9000, 'session'), 'mtu eth0 9000 --session'],
    [makeRoutesCommand('eth0', [], keep), 'routes eth0 none'],
    [confirmCommand('eth0'), 'confirm eth0'],
    [applyCommand(), 'apply'],
    [applyCommand('eth1'), 'apply eth1'],
  ])('is shown as the command that people type: %#', ({ args }, words) => {
    expect(args.join(' ')).toBe(words);
  });

  test('passes a WiFi password on standard input, never as an argument', async () => {
    const wifi = { interface: 'wlan0', ssid: 'a $(b)', password: 'pass word' };
    const { result } = await changeNetwork(makeWifiCommand(wifi, { keep }), await standIn(echo));
    expect(result).toBe('[wifi][wlan0][a $(b)]pass word');
  });

  test('that is refused is reported with the message of qx-network', async () => {
    const program = await standIn(
      'echo "qx-network: eth0: another machine has 10.0.0.7" >&2; exit 1',
    );
    await expect(changeNetwork(makeDhcpCommand('eth0', { keep }), program)).rejects.toMatchObject({
      name: 'NetworkError',
      message: 'eth0: another machine has 10.0.0.7',
    });
  });

  test('that succeeds with a warning returns the warning', async () => {
    const program = await standIn('echo "qx-network: eth0: no DHCP server has answered yet" >&2');
    expect(await changeNetwork(makeDhcpCommand('eth0', { keep }), program)).toEqual({
      result: '',
      warnings: ['eth0: no DHCP server has answered yet'],
    });
  });

  test('that is cancelled gets time to restore the previous state', async () => {
    const folder = await temporaryFolder();
    const [begun, restored] = [join(folder, 'begun'), join(folder, 'restored')];
    const { program } = await standIn(
      `trap 'trap "" TERM; sleep 2.5; : >${restored}; exit 130' TERM; : >${begun}; while :; do sleep 0.1; done`,
    );
    const cancel = new AbortController();
    const change = changeNetwork(applyCommand(), { program, signal: cancel.signal });
    await vi.waitFor(() => access(begun), { timeout: 30_000 });
    cancel.abort();
    await expect(change).rejects.toThrow();
    await access(restored);
  });

  test('reports a missing qx-network', async () => {
    const program = '/nonexistent/qx-network';
    await expect(changeNetwork(applyCommand(), { program })).rejects.toThrow('is not installed');
  });
});

describe('the status', () => {
  const one = {
    name: 'eth0',
    kind: 'ethernet',
    mac: '52:54:00:00:00:01',
    carrier: true,
    speed: null,
    method: 'dhcp',
    source: null,
    addresses: [{ address: '10.0.0.7', prefix: 24 }],
    gateway: '10.0.0.1',
    dns: [],
    mtu: 1500,
    routes: [],
    type: null,
    master: null,
    ports: [],
    vlan: null,
    ipv6: { method: 'auto', addresses: [], gateway: null },
    ssid: null,
    dhcp: { pid: 7, lease: { address: '10.0.0.7', server: '10.0.0.1', seconds: 60, obtained: 3 } },
    confirm: null,
    problem: null,
  };
  const whole = {
    persistent: true,
    hostname: 'q',
    default: 'eth0',
    interfaces: [one],
    problems: [],
  };

  test('is read from qx-network', async () => {
    const program = await standIn(`[ "$*" = "status --json" ] && echo '${JSON.stringify(whole)}'`);
    expect(await readNetwork(program)).toMatchObject({
      default: 'eth0',
      interfaces: [{ name: 'eth0', dhcp: { lease: { seconds: 60 } } }],
    });
  });

  test.each([
    ['nothing', '', 'qx-network status did not write JSON'],
    ['half of it', '{"persistent":true,"hos', 'did not write JSON'],
    ['bytes', '\0\xff', 'did not write JSON'],
    ['something else', '[]', 'cannot be understood'],
    ['a wrong type', JSON.stringify({ ...whole, persistent: 'yes' }), ': persistent: '],
    [
      'a wrong address',
      JSON.stringify({ ...whole, interfaces: [{ ...one, addresses: [7] }] }),
      ': interfaces.0.addresses.0: ',
    ],
  ])('that is %s is refused', (_, text, words) => {
    expect(() => parseStatus(text)).toThrow(words);
  });
});

test('a scan lists each network once, the strongest first', () => {
  const text =
    '-80\tWPA2\tHome\n-40\tWPA2/WPA3\tHome\n-60\topen\tCafé  7\njunk\n-9999\tx\ty\n\t\t\n';
  expect(parseScan(text)).toEqual([
    { ssid: 'Home', signal: -40, security: 'WPA2/WPA3' },
    { ssid: 'Café  7', signal: -60, security: 'open' },
  ]);
});
