import { expect } from 'vitest';
import { z } from 'zod';
import type { Disk, Machine } from '../../build/qemu/machine.ts';
import { findFreePort } from '../../tasks/control-plane/free-port.ts';
import { answerAt, listen } from './answer.ts';
import { configurationDisk } from './configuration-disk.ts';
import { LEASED, STATIC } from './set-address.ts';
import { imageOf, type Story, succeed, untilSucceeds } from './story.ts';

/** Port on which the guest answers during a test. */
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

/** Reads the only interface of `qx-network status --json`. */
async function status(story: Story) {
  const { persistent, interfaces } = statusSchema.parse(
    JSON.parse(await succeed(story, 'qx-network status --json')),
  );
  expect(interfaces).toHaveLength(1);
  return { persistent, ...interfaces[0] };
}

/** A board, and the drive that it boots from. */
export interface Way {
  board: 'pc' | 'q35';
  drive: { as: 'cdrom'; bus: 'ata' | 'scsi' } | { as: 'disk'; bus: 'nvme' };
}

/**
 * Returns a machine with a configuration disk, in two variants: one boots under BIOS, the other under UEFI with Secure
 * Boot, and possibly from another drive. A port of the host is forwarded to the machine's static address.
 */
export async function reachableMachine(
  profile: string,
  label: string,
  { bios, uefi, further = [] }: { bios: Way; uefi: Way; further?: readonly Disk[] },
) {
  const hostPort = await findFreePort();
  const image = imageOf(profile).iso;
  const machine: Machine = {
    firmware: 'bios',
    board: bios.board,
    medium: { ...bios.drive, image },
    disks: [{ file: await configurationDisk(label), format: 'raw', bus: 'ata' }, ...further],
    forwards: [{ hostPort, guestAddress: STATIC, guestPort: PORT }],
  };
  const otherwise: Machine = {
    ...machine,
    firmware: 'uefi-secure',
    board: uefi.board,
    medium: { ...uefi.drive, image },
  };
  return { machine, otherwise, hostPort };
}

/** Checks that the machine has the address that the network leases it, and stores configuration persistently. */
export async function expectLease(story: Story): Promise<void> {
  await untilSucceeds(story, `qx-network status | grep -q '${LEASED}/24'`);
  expect(await status(story)).toMatchObject({
    persistent: true,
    method: 'dhcp',
    addresses: [{ address: LEASED, prefix: 24 }],
    gateway: '10.0.2.2',
  });
}

/** Checks that the machine has its static address, from a file of its configuration, and no DHCP client. */
export async function expectStatic(story: Story): Promise<void> {
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

/** Checks that this host reaches a program on the machine at its static address, through QEMU. */
export async function expectReachedFromOutside(story: Story, hostPort: number): Promise<void> {
  await listen(story, PORT);
  expect(await answerAt(hostPort)).toBe('reached\n');
}

/** Powers the machine off as an operator does, and checks that its console has shown no errors. */
export async function powerOff({ guest, expectGoodConsole }: Story): Promise<void> {
  await guest.powerOff();
  expectGoodConsole();
}

/** Checks that the static address no longer appears anywhere on the machine. */
export async function expectNoTrace(story: Story): Promise<void> {
  const traces = 'ip -4 addr; ip route; cat /etc/resolv.conf; find /quantix -type f -exec cat {} +';
  expect(await succeed(story, traces)).not.toContain(STATIC);
  expect(await succeed(story, "ps | grep -c '[u]dhcpc'")).toBe('1\n');
}

/** Checks that all services of the machine run, and that its os-release names the profile. */
export async function expectGoodServices(story: Story, profile: string): Promise<void> {
  expect(await succeed(story, 'rc-status --nocolor default')).not.toMatch(/stopped|crashed/);
  expect(await succeed(story, 'cat /etc/os-release')).toContain(`ID="${profile}"`);
}
