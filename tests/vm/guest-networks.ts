import { expect } from 'vitest';
import { type Story, succeed, untilSucceeds } from './story.ts';

/** Runs a command on an outside host: a network namespace in the guest, connected by a veth pair. */
const OUTSIDE = '/sbin/ip netns exec outside';
const ADDRESSES = ['192.0.2.1', '2001:db8:99::1'];

/** Ports that the firewall does not open, on which servers listen. */
const UNASKED = [80, 5900, 8077, 16_509];

/** Makes the outside host, and connects it to the machine. */
export async function layWire(story: Story): Promise<void> {
  const steps = [
    '/sbin/ip netns add outside',
    '/sbin/ip link add inner type veth peer name outer netns outside',
    '/sbin/ip addr add 192.0.2.1/24 dev inner',
    '/sbin/ip link set inner up',
    `${OUTSIDE} /sbin/ip link set lo up`,
    `${OUTSIDE} /sbin/ip addr add 192.0.2.2/24 dev outer`,
    `${OUTSIDE} /sbin/ip link set outer up`,
    '/sbin/ip -6 addr add 2001:db8:99::1/64 dev inner nodad',
    `${OUTSIDE} /sbin/ip -6 addr add 2001:db8:99::2/64 dev outer nodad`,
  ];
  await succeed(story, steps.join(' && '));
}

/** Checks that, of all TCP ports with a listener, exactly the documented ones answer to the outside. */
export async function expectDocumentedPorts(story: Story, documented: number[]): Promise<void> {
  const start = UNASKED.map((port) => `busybox httpd -p [::]:${port} -h /tmp`).join(' && ');
  await succeed(story, `qx-ssh on; ${start}`);
  const list = 'cat /proc/net/tcp /proc/net/tcp6';
  const listening = `${list} | awk '$4 == "0A" { split($2, w, ":"); print w[2] }' | sort -u`;
  const ports = (await succeed(story, listening))
    .split('\n')
    .flatMap((hex) => (hex === '' ? [] : [Number.parseInt(hex, 16)]));
  expect(ports).toEqual(expect.arrayContaining([...documented, ...UNASKED]));
  for (const address of ADDRESSES) {
    await succeed(story, `${OUTSIDE} ping -c 1 -W 5 ${address}`);
    const ask = `echo | ${OUTSIDE} timeout 3 busybox nc -w 2 ${address} $p 2>/dev/null | grep -q .`;
    // All ports at the same time, because each dropped connection costs two seconds.
    const all = `for p in ${ports.join(' ')}; do { ${ask} && echo $p; } & done; wait`;
    const answers = await succeed(story, `sh -c '${all}'`);
    const numbers = answers.trim().split('\n').map(Number);
    expect(numbers.sort((a, b) => a - b)).toEqual(documented);
  }
  await succeed(story, 'killall httpd; qx-ssh off');
}

/** Checks that a guest on libvirt's NAT network gets an address, and reaches the outside host, but no host port. */
export async function expectNatNetwork(story: Story): Promise<void> {
  await untilSucceeds(story, "virsh -q net-list --autostart | grep -q '^ nat  *active'");
  const steps = [
    '/sbin/ip netns add guest',
    '/sbin/ip link add tap type veth peer name card netns guest',
    '/sbin/ip link set tap master virbr0',
    '/sbin/ip link set tap up',
    '/sbin/ip netns exec guest /sbin/ip link set card up',
  ];
  await succeed(story, steps.join(' && '));
  const script =
    '/sbin/ip addr add $ip/$mask dev $interface; /sbin/ip route add default via $router';
  const lines = `'#!/bin/sh' '[ "$1" = bound ] || exit 0' '${script}'`;
  await succeed(story, `printf '%s\\n' ${lines} >/tmp/card && chmod 755 /tmp/card`);
  const inside = '/sbin/ip netns exec guest';
  await succeed(story, `${inside} udhcpc -n -q -t 20 -i card -s /tmp/card`);
  expect(await succeed(story, `${inside} /sbin/ip -4 addr show dev card`)).toMatch(
    / 192\.168\.122\.\d+\/24/,
  );
  await succeed(story, `${inside} ping -c 1 -W 5 10.0.2.2`);
  await succeed(story, '/sbin/ip netns del guest');
}

/** Checks that a bond with a VLAN, and a bridge on that, keeps working when one of its cables is unplugged. */
export async function expectBond(story: Story): Promise<void> {
  const wires = [1, 2].map(
    (n) =>
      `/sbin/ip link add leg${n} type veth peer name wire${n} netns outside && ${OUTSIDE} /sbin/ip link set wire${n} master switch up`,
  );
  const steps = [
    `${OUTSIDE} /sbin/ip link add switch type bridge forward_delay 0`,
    `${OUTSIDE} /sbin/ip addr add 10.77.0.1/24 dev switch`,
    `${OUTSIDE} /sbin/ip link set switch up`,
    ...wires,
    `${OUTSIDE} /sbin/ip link add switch.7 link switch type vlan id 7`,
    `${OUTSIDE} /sbin/ip addr add 10.78.0.1/24 dev switch.7`,
    `${OUTSIDE} /sbin/ip link set switch.7 up`,
  ];
  await succeed(story, steps.join(' && '));
  await succeed(story, 'qx-network bond bond7 leg1,leg2 --session');
  await succeed(story, 'qx-network static bond7 10.77.0.2/24 --session');
  const reach = (address: string) => untilSucceeds(story, `ping -c 1 -W 1 ${address}`);
  await reach('10.77.0.1');
  const active = 'cat /sys/class/net/bond7/bonding/active_slave';
  const used = (await succeed(story, active)).trim();
  await succeed(story, `${OUTSIDE} /sbin/ip link set ${used.replace('leg', 'wire')} down`);
  await untilSucceeds(story, `[ "$(${active})" != ${used} ]`);
  await reach('10.77.0.1');
  await succeed(story, 'qx-network vlan lan7 bond7 7 --session');
  await succeed(story, 'qx-network static lan7 10.78.0.2/24 --session');
  await reach('10.78.0.1');
  await succeed(story, 'qx-network bridge br7 lan7 --session');
  await reach('10.78.0.1');
  const told = await succeed(story, 'qx-network status');
  expect(told).toMatch('bond (active-backup) of leg1,leg2');
  expect(told).toMatch('bridge of lan7');
  expect(told).toMatch('port of br7');
}
