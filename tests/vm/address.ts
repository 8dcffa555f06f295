import { expect } from 'vitest';
import { z } from 'zod';
import type { Disk, Machine } from '../../build/qemu/machine.ts';
import { freePort } from '../../tasks/control-plane/free-port.ts';
import { answerAt, listen } from './answer.ts';
import { configurationDisk } from './configuration-disk.ts';
import { LEASED, STATIC } from './set-address.ts';
import { imageOf, type Story, succeed, untilSucceeds } from './story.ts';

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

/** A board, and from what it boots. */
export interface Way {
  board: 'pc' | 'q35';
  drive: { as: 'cdrom'; bus: 'ata' | 'scsi' } | { as: 'disk'; bus: 'nvme' };
}

/**
 * A machine with a disk for its configuration, whose static address is answered for by a port of the host: as it boots
 * under BIOS, and as it boots under UEFI with Secure Boot in another way, which is nothing to its configuration.
 */
export async function reachableMachine(
  profile: string,
  label: string,
  { bios, uefi, further = [] }: { bios: Way; uefi: Way; further?: readonly Disk[] },
) {
  const hostPort = await freePort();
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

/** The machine has the address that the network leases it, from its own configuration. */
export async function expectLease(story: Story): Promise<void> {
  await untilSucceeds(story, `qx-network status | grep -q '${LEASED}/24'`);
  expect(await status(story)).toMatchObject({
    persistent: true,
    method: 'dhcp',
    addresses: [{ address: LEASED, prefix: 24 }],
    gateway: '10.0.2.2',
  });
}

/** The machine has its static address, from a file of its configuration, and no client of DHCP. */
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

/** Something on the machine is reached at its static address from another one: this host, through QEMU. */
export async function expectReachedFromOutside(story: Story, hostPort: number): Promise<void> {
  await listen(story, PORT);
  expect(await answerAt(hostPort)).toBe('reached\n');
}

/** Switches the machine off as its operator does; nothing bad was on its console. */
export async function powerOff({ guest, expectGoodConsole }: Story): Promise<void> {
  await guest.powerOff();
  expectGoodConsole();
}

/** Nothing on the machine tells of the static address any more. */
export async function expectNoTrace(story: Story): Promise<void> {
  const traces = 'ip -4 addr; ip route; cat /etc/resolv.conf; find /quantix -type f -exec cat {} +';
  expect(await succeed(story, traces)).not.toContain(STATIC);
  expect(await succeed(story, "ps | grep -c '[u]dhcpc'")).toBe('1\n');
}

/** All services of the machine run, and it says what it is. */
export async function expectGoodServices(story: Story, profile: string): Promise<void> {
  expect(await succeed(story, 'rc-status --nocolor default')).not.toMatch(/stopped|crashed/);
  expect(await succeed(story, 'cat /etc/os-release')).toContain(`ID="${profile}"`);
}
