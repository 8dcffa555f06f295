import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { expect } from 'vitest';
import { begin, goStatic } from './world/story.ts';
import { test } from './world/test.ts';

const PROGRAM = resolve(
  import.meta.dirname,
  '../../overlay/quantix-os/usr/lib/quantix/guest-networks',
);

/**
 * A stand-in for virsh that keeps definitions in files and prints them; tests of booted images cover libvirt itself.
 */
const VIRSH = `#!/bin/sh
shift
echo "$*" | tr ';' '\\n' | while read -r command word; do
	case $command in
	net-dumpxml) cat "/tmp/$word.net" ;;
	net-define) cp "$word" "/tmp/$(sed -n 's|.*<name>\\(.*\\)</name>.*|\\1|p' "$word").net" ;;
	net-undefine) rm -f "/tmp/$word.net" ;;
	esac
done
`;

async function hypervisor() {
  const story = await begin('ash');
  await story.machine.write('/usr/lib/quantix/guest-networks', await readFile(PROGRAM, 'utf8'));
  await story.machine.write('/usr/bin/virsh', VIRSH);
  await story.machine.succeed('chmod 755 /usr/lib/quantix/guest-networks /usr/bin/virsh');
  const provide = () => story.machine.succeed('/usr/lib/quantix/guest-networks');
  const subnet = async () =>
    /address='([\d.]+)'/.exec((await story.machine.read('/tmp/nat.net')) ?? '')?.[1];
  return { story, provide, subnet };
}

test('the NAT network uses a free subnet, and moves to another when the host gets an address in it', async () => {
  const { story, provide, subnet } = await hypervisor();
  await using stack = new AsyncDisposableStack();
  stack.use(story);
  const { machine } = story;
  await provide();
  expect(await subnet()).toBe('192.168.122.1');
  await machine.succeed('ip addr add 192.168.122.77/24 dev eth0; ip link set eth0 up');
  await provide();
  expect(await subnet()).toBe('192.168.123.1');
  await provide();
  expect(await subnet()).toBe('192.168.123.1');
  await machine.succeed('ip addr add 192.168.0.7/16 dev eth1; ip link set eth1 up');
  await provide();
  expect(await subnet()).toBe('172.31.122.1');
  await machine.succeed('ip route add 172.31.122.128/25 via 192.168.0.1');
  await provide();
  expect(await subnet()).toBe('172.31.123.1');
  expect(await machine.read('/tmp/lan.net')).toBeUndefined();
});

test('if the host is on a bridge, guests have its network as `lan`, which follows a change of bridge', async () => {
  const { story, provide } = await hypervisor();
  await using stack = new AsyncDisposableStack();
  stack.use(story);
  const { machine, lan } = story;
  await machine.linkInSys('br0', 'br1');
  await goStatic(machine, 'eth0', { lan, host: 7 });
  expect((await machine.network('bridge', 'br0', 'eth0')).status).toBe(0);
  await provide();
  expect(await machine.read('/tmp/lan.net')).toMatch("<bridge name='br0'/>");
  expect((await machine.network('remove', 'br0')).status).toBe(0);
  expect((await machine.network('bridge', 'br1', 'eth0')).status).toBe(0);
  await provide();
  expect(await machine.read('/tmp/lan.net')).toMatch("<bridge name='br1'/>");
});
