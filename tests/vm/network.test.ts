import { expect, test } from 'vitest';
import { z } from 'zod';
import type { Machine } from '../../build/qemu/machine.ts';
import { expectToBeMissed, expectToOutliveKills, expectVmsTold } from './agent.ts';
import { answerAt, listen } from './answer.ts';
import { configurationDisk } from './configuration-disk.ts';
import { freePort } from './free-port.ts';
import {
  LEASED,
  STATIC,
  setDhcpOnScreen,
  setStaticOnScreen,
  setStaticOnSerialLine,
} from './set-address.ts';
import { boot, imageOf, logIn, type Story, succeed, untilReady, untilSucceeds } from './story.ts';

/** Port of the guest that answers while a test asks. */
const PORT = 8077;

const statusSchema = z.object({
  persistent: z.boolean(),
  interfaces: z.array(
    z.object({
      method: z.string(),
      source: z.string().nullable(),
      addresses: z.array(z.object({ address: z.string(), prefix: z.number() })),
      gateway: z.string().nullable(),
      dhcp: z.unknown(),
    }),
  ),
});

/** What `qx-network status --json` says of the one interface. */
async function status(story: Story) {
  const { persistent, interfaces } = statusSchema.parse(
    JSON.parse(await succeed(story, 'qx-network status --json')),
  );
  expect(interfaces).toHaveLength(1);
  return { persistent, ...interfaces[0] };
}

/**
 * A machine that boots from CD under BIOS, with a disk for its configuration, whose static address is answered for by a
 * port of the host; and the same machine when it boots under UEFI, which is nothing to its configuration.
 * @param boot from what it boots under UEFI
 */
async function reachableMachine(
  profile: string,
  label: string,
  boot: { as: 'cdrom' } | { as: 'disk'; bus: 'virtio' },
) {
  const hostPort = await freePort();
  const image = imageOf(profile).iso;
  const machine: Machine = {
    firmware: 'bios',
    medium: { as: 'cdrom', image },
    disks: [{ file: await configurationDisk(label), format: 'raw', bus: 'virtio' }],
    forwards: [{ hostPort, guestAddress: STATIC, guestPort: PORT }],
  };
  const otherwise: Machine = { ...machine, firmware: 'uefi', medium: { ...boot, image } };
  return { machine, otherwise, hostPort };
}

async function expectLease(story: Story): Promise<void> {
  await untilSucceeds(story, `qx-network status | grep -q '${LEASED}/24'`);
  expect(await status(story)).toMatchObject({
    persistent: true,
    method: 'dhcp',
    addresses: [{ address: LEASED, prefix: 24 }],
    gateway: '10.0.2.2',
  });
}

async function expectStatic(story: Story): Promise<void> {
  expect(await status(story)).toMatchObject({
    persistent: true,
    method: 'static',
    source: '/quantix/network/eth0.conf',
    addresses: [{ address: STATIC, prefix: 24 }],
    gateway: '10.0.2.2',
    dhcp: null,
  });
  expect(await succeed(story, 'ps')).not.toContain('udhcpc');
}

async function expectReachedFromOutside(story: Story, hostPort: number): Promise<void> {
  await listen(story, PORT);
  expect(await answerAt(hostPort)).toBe('reached\n');
}

async function powerOff({ guest, expectGoodConsole }: Story): Promise<void> {
  await guest.powerOff();
  expectGoodConsole();
}

/** Nothing on the machine tells of the static address any more. */
async function expectNoTrace(story: Story): Promise<void> {
  const traces = 'ip -4 addr; ip route; cat /etc/resolv.conf; find /quantix -type f -exec cat {} +';
  expect(await succeed(story, traces)).not.toContain(STATIC);
  expect(await succeed(story, "ps | grep -c '[u]dhcpc'")).toBe('1\n');
}

async function expectGoodServices(story: Story, profile: string): Promise<void> {
  expect(await succeed(story, 'rc-status --nocolor default')).not.toMatch(/stopped|crashed/);
  expect(await succeed(story, 'cat /etc/os-release')).toContain(`ID="${profile}"`);
}

/** Waits for the agent to notice that the address of the machine has become this one; asked, it then tells no other. */
async function untilAgentTells(story: Story, address: string): Promise<void> {
  await untilSucceeds(story, `grep -q '→ ${address}$' /var/log/quantix/node.log`);
  const told = await succeed(story, 'qx-node status');
  expect(told).toContain(`Management      ${address}\n`);
  expect(told).not.toContain(address === STATIC ? LEASED : STATIC);
}

test('Quantix-OS takes a lease, goes static by keyboard and screen and is reached there, is so when it is switched on again, and goes back without a trace; the agent tells it at once, tells of VMs as they change, and comes back when it is killed', async () => {
  const { machine, otherwise, hostPort } = await reachableMachine('quantix-os', 'QUANTIX-CFG', {
    as: 'cdrom',
  });
  {
    await using story = await boot('quantix-os-network', machine);
    await untilReady(story);
    await logIn(story);
    await expectGoodServices(story, 'quantix-os');
    await expectLease(story);
    await setStaticOnScreen(story);
    await untilAgentTells(story, STATIC);
    await expectStatic(story);
    await expectReachedFromOutside(story, hostPort);
    await powerOff(story);
  }
  await using story = await boot('quantix-os-network-again', otherwise);
  await untilReady(story);
  await logIn(story);
  await expectStatic(story);
  await setDhcpOnScreen(story);
  await expectLease(story);
  await expectNoTrace(story);
  await untilAgentTells(story, LEASED);
  await expectVmsTold(story);
  await expectToOutliveKills(story);
  await expectToBeMissed(story);
  story.expectGoodConsole();
});

test('QvDC takes a lease, goes static in the console on the serial line and is reached there, is so when it is switched on again, and goes back without a trace', async () => {
  const { machine, otherwise, hostPort } = await reachableMachine('qvdc', 'QVDC-CFG', {
    as: 'disk',
    bus: 'virtio',
  });
  {
    await using story = await boot('qvdc-network', machine);
    await untilReady(story);
    await setStaticOnSerialLine(story);
    await expectGoodServices(story, 'qvdc');
    await expectStatic(story);
    await expectReachedFromOutside(story, hostPort);
    await story.screenshot();
    await powerOff(story);
  }
  await using story = await boot('qvdc-network-again', otherwise);
  await untilReady(story);
  await logIn(story);
  await expectStatic(story);
  await succeed(story, 'qx-network dhcp eth0');
  await expectLease(story);
  await expectNoTrace(story);
  const before = story.guest.mark;
  story.guest.type('reboot');
  await story.guest.waitFor(/GNU GRUB/, before);
  story.expectGoodConsole();
});
