import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { expect } from 'vitest';
import { formatRule } from '../../apps/network/firewall.ts';
import type { Lan } from './world/lan.ts';
import type { Machine } from './world/machine.ts';
import { begin, goDhcp, goStatic } from './world/story.ts';
import { test } from './world/test.ts';
import { until } from './world/until.ts';

const OVERLAY = resolve(import.meta.dirname, '../../overlay');
const LISTENING = [22, 53, 80, 443, 5900, 9443, 16_509];

/** A machine with the firewall of a product, and a program that listens on each port of `LISTENING`. */
async function guarded(product: string) {
  const story = await begin('dash', ['nft']);
  const { machine } = story;
  const ports = `${product}/etc/firewall/open-ports.nft`;
  await machine.write(
    '/etc/firewall/open-ports.nft',
    await readFile(resolve(OVERLAY, ports), 'utf8'),
  );
  await machine.succeed('nft -f /etc/firewall/rules.nft');
  for (const port of LISTENING)
    machine.start('busybox', 'httpd', '-f', '-p', `[::]:${port}`, '-h', '/dev');
  await until('all listen', async () => {
    const lines = (await machine.succeed('cat /proc/net/tcp6')).match(/ 0A /g) ?? [];
    return lines.length === LISTENING.length || undefined;
  });
  return story;
}

/** Returns the ports of `LISTENING` that accept connections from a wire. */
async function answering(lan: Lan, address: string): Promise<number[]> {
  const answers = await Promise.all(LISTENING.map((port) => lan.connects(address, port)));
  return LISTENING.filter((_, index) => answers[index]);
}

async function addAddress6(machine: Machine, lan: Lan): Promise<void> {
  await machine.network('ipv6', 'eth0', `${lan.host6('7')}/64`);
  await lan.ip('addr', 'add', `${lan.host6('1')}/64`, 'dev', 'wire', 'nodad');
}

for (const [product, open] of [
  ['quantix-os', [22]],
  ['qvdc', [22, 443, 9443]],
] as const) {
  test(`of all listening ports of ${product} only the documented ones answer, by IPv4 and by IPv6`, async () => {
    await using story = await guarded(product);
    const { machine, lan } = story;
    await goStatic(machine, 'eth0', { lan, host: 7 });
    await addAddress6(machine, lan);
    expect(await answering(lan, lan.host(7))).toEqual(open);
    expect(await answering(lan, lan.host6('7'))).toEqual(open);
    expect(await lan.reaches(lan.host(7))).toBe(true);
    expect(await lan.reaches(lan.host6('7'))).toBe(true);
    const documented = (await readFile(resolve(OVERLAY, '../docs/network.md'), 'utf8')).matchAll(
      /^\| (\d+) +\| ([^|]+?) +\|/gm,
    );
    const listed = [...documented].filter(
      ([, , where = '']) => where !== 'QvDC' || product === 'qvdc',
    );
    expect(listed.map(([, port]) => Number(port))).toEqual(open);
  });
}

/**
 * Sends packets to all ports, by IPv4 and by IPv6, and records those that pass the firewall, whether or not a program
 * listens on their port. @returns the ports, as nft lists them
 */
async function passing(
  { machine, lan }: Awaited<ReturnType<typeof guarded>>,
  protocol: 'tcp' | 'udp',
): Promise<string[]> {
  await goStatic(machine, 'eth0', { lan, host: 7 });
  await addAddress6(machine, lan);
  const watch = `table inet seen {
    set ports { type inet_service; flags dynamic; size 65535; }
    chain input {
      type filter hook input priority 10;
      iifname eth0 meta l4proto ${protocol} add @ports { ${protocol} dport }
    }
  }\n`;
  await machine.write('/run/seen.nft', watch);
  await machine.succeed('nft -f /run/seen.nft');
  const found: string[] = [];
  for (const address of [lan.host(7), lan.host6('7')]) {
    expect(await lan.reaches(address)).toBe(true);
    await machine.succeed('nft flush set inet seen ports');
    if (protocol === 'tcp') await lan.connectToAllPorts(address);
    else await lan.sendToAllPorts(address);
    const seen = await machine.succeed('nft list set inet seen ports');
    found.push((/elements = \{([^}]*)\}/.exec(seen)?.[1] ?? '').replaceAll(/\s+/g, ' ').trim());
  }
  return found;
}

test('UDP packets pass to an opened port and to no other, by IPv4 and by IPv6', async () => {
  await using story = await guarded('quantix-os');
  await story.machine.succeed('nft insert rule inet quantix input udp dport 40000 accept');
  expect(await passing(story, 'udp')).toEqual(['40000', '40000']);
});

test('on QvDC only the TCP ports for people, agents and SSH accept connections, by IPv4 and by IPv6', async () => {
  await using story = await guarded('qvdc');
  const documented = '22, 443, 9443';
  expect(await passing(story, 'tcp')).toEqual([documented, documented]);
});

test('a port that a service opens answers until it is closed, also after a reload of the rules', async () => {
  await using story = await guarded('quantix-os');
  const { machine, lan } = story;
  await goStatic(machine, 'eth0', { lan, host: 7 });
  await machine.write('/run/quantix/firewall/metrics.nft', formatRule(16_509));
  await machine.succeed('nft -f /run/quantix/firewall/metrics.nft');
  expect(await answering(lan, lan.host(7))).toEqual([22, 16_509]);
  await machine.succeed('nft -f /etc/firewall/rules.nft');
  expect(await answering(lan, lan.host(7))).toEqual([22, 16_509]);
  await machine.succeed(
    "rm /run/quantix/firewall/metrics.nft; nft delete element inet quantix open_tcp '{ 16509 }'",
  );
  expect(await answering(lan, lan.host(7))).toEqual([22]);
});

test('the firewall lets DHCP and router advertisements in, and loading it again changes nothing', async () => {
  await using story = await guarded('quantix-os');
  const { machine, lan } = story;
  await lan.serveDhcp();
  await lan.advertise();
  await goDhcp(machine, 'eth0', lan);
  await until('an advertised address', async () => {
    const { addresses } = (await machine.statusOf('eth0')).ipv6;
    return addresses.find(({ origin }) => origin === 'router');
  });
  await machine.succeed('nft -f /etc/firewall/rules.nft');
  expect((await machine.succeed('nft list ruleset')).match(/chain input/g)).toHaveLength(1);
});

test('guests of a NAT network get addresses, DNS and outside connections; other interfaces are not routed to each other', async () => {
  await using story = await guarded('quantix-os');
  const { machine, lan, other } = story;
  await goStatic(machine, 'eth0', { lan, host: 7 });
  await other.plug(machine, 'virbr0');
  await machine.succeed('ip addr add $1/24 dev virbr0; ip link set virbr0 up', other.host(9));
  await machine.succeed('echo 1 >/proc/sys/net/ipv4/ip_forward');
  await machine.succeed(
    'nft add table ip nat; nft add chain ip nat out "{ type nat hook postrouting priority srcnat; }"; nft add rule ip nat out oifname eth0 masquerade',
  );
  expect(await answering(other, other.host(9))).toEqual([53]);
  await other.ip('route', 'add', `${lan.host(0)}/24`, 'via', other.host(9));
  expect(await other.reaches(lan.gateway)).toBe(true);
  await machine.succeed(
    'ip link set virbr0 down; ip addr add $1/24 dev eth1; ip link set eth1 up',
    other.host(8),
  );
  await other.ip('route', 'replace', `${lan.host(0)}/24`, 'via', other.host(8));
  expect(await other.reaches(lan.gateway)).toBe(false);
});

test('if the rules are invalid, only the management ports answer, and outgoing connections work', async () => {
  await using story = await guarded('quantix-os');
  const { machine, lan } = story;
  await goStatic(machine, 'eth0', { lan, host: 7 });
  await addAddress6(machine, lan);
  await machine.succeed('nft delete table inet quantix');
  expect(await answering(lan, lan.host(7))).toEqual(LISTENING);
  await machine.write('/etc/firewall/open-ports.nft', 'define open_tcp = { no-such-service }\n');
  const { status, stderr } = await machine.sh('. /etc/init.d/quantix-firewall; start');
  expect(status).toBe(1);
  expect(stderr).toContain('the rules of the firewall are refused: it lets in SSH');
  for (const address of [lan.host(7), lan.host6('7')]) {
    expect(await answering(lan, address)).toEqual([22, 443, 9443]);
    expect(await lan.reaches(address)).toBe(true);
  }
  await using server = await lan.neighbour(lan.host(20));
  server.start(['busybox', 'httpd', '-f', '-p', '8080', '-h', '/dev']);
  await until('an answer from outside', async () => {
    const asked = await machine.sh('echo "GET / HTTP/1.0" | nc -w 2 "$1" 8080', lan.host(20));
    return asked.stdout.startsWith('HTTP/') || undefined;
  });
});
