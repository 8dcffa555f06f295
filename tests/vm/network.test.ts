import { expect, test } from 'vitest';
import { z } from 'zod';
import type { Machine } from '../../build/qemu/machine.ts';
import { freePort } from '../../tasks/control-plane/free-port.ts';
import { temporaryFolder } from '../unit/folder.ts';
import { expectToBeMissed, expectToOutliveKills, expectVmsTold } from './agent.ts';
import { answerAt, listen } from './answer.ts';
import { configurationDisk } from './configuration-disk.ts';
import { dataDisk } from './data-disk.ts';
import {
  addNode,
  countRows,
  damageThrowAways,
  expectDatabase,
  expectDocumentedCommands,
  expectMigrationsReversible,
  expectThrowAwaysMended,
} from './databases.ts';
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

/** A board, and from what it boots. */
interface Way {
  board: 'pc' | 'q35';
  drive: { as: 'cdrom'; bus: 'ata' | 'scsi' } | { as: 'disk'; bus: 'nvme' };
}

/**
 * A machine with a disk for its configuration, whose static address is answered for by a port of the host: as it boots
 * under BIOS, and as it boots under UEFI in another way, which is nothing to its configuration.
 */
async function reachableMachine(
  profile: string,
  label: string,
  { bios, uefi }: { bios: Way; uefi: Way },
) {
  const hostPort = await freePort();
  const image = imageOf(profile).iso;
  const machine: Machine = {
    firmware: 'bios',
    board: bios.board,
    medium: { ...bios.drive, image },
    disks: [{ file: await configurationDisk(label), format: 'raw', bus: 'ata' }],
    forwards: [{ hostPort, guestAddress: STATIC, guestPort: PORT }],
  };
  const otherwise: Machine = {
    ...machine,
    firmware: 'uefi',
    board: uefi.board,
    medium: { ...uefi.drive, image },
  };
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
    bios: { board: 'pc', drive: { as: 'cdrom', bus: 'ata' } },
    uefi: { board: 'q35', drive: { as: 'cdrom', bus: 'ata' } },
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

/** Milliseconds for the story with the most commands, each of which takes seconds on an emulated processor. */
const LONGEST_STORY = 1_200_000;

/** Waits for text on the status screen of the console on the serial line. */
async function untilConsoleTells({ guest }: Story, text: RegExp): Promise<void> {
  await guest.waitFor(/Press Enter to use the console/);
  const status = guest.mark;
  guest.type('');
  await guest.waitFor(text, status);
}

test(
  'QvDC takes a lease, goes static in the console on the serial line and is reached there, is so when it is switched on again, and goes back without a trace; so is its database, and what else is damaged meanwhile starts empty, with an alert',
  async () => {
    const { machine, otherwise, hostPort } = await reachableMachine('qvdc', 'QVDC-CFG', {
      bios: { board: 'q35', drive: { as: 'cdrom', bus: 'scsi' } },
      uefi: { board: 'q35', drive: { as: 'disk', bus: 'nvme' } },
    });
    const disks = [
      ...(machine.disks ?? []),
      {
        file: await dataDisk(await temporaryFolder(), 'QVDC-DATA'),
        format: 'raw',
        bus: 'virtio',
      } as const,
    ];
    let rows = '';
    {
      await using story = await boot('qvdc-network', { ...machine, disks });
      await untilReady(story);
      await setStaticOnSerialLine(story);
      await expectGoodServices(story, 'qvdc');
      await expectStatic(story);
      await expectReachedFromOutside(story, hostPort);
      await expectDatabase(story);
      await expectMigrationsReversible(story);
      await addNode(story);
      await expectDocumentedCommands(story);
      rows = await countRows(story);
      await story.screenshot();
      await damageThrowAways(story);
      await powerOff(story);
    }
    await using story = await boot('qvdc-network-again', { ...otherwise, disks });
    await untilReady(story);
    await untilConsoleTells(story, /ready \(.*schema version 10/);
    await logIn(story);
    await expectDatabase(story);
    expect(await countRows(story)).toBe(rows);
    await expectThrowAwaysMended(story);
    await expectStatic(story);
    await succeed(story, 'qx-network dhcp eth0');
    await expectLease(story);
    await expectNoTrace(story);
    const before = story.guest.mark;
    story.guest.type('reboot');
    await story.guest.waitFor(/GNU GRUB/, before);
    story.expectGoodConsole();
  },
  LONGEST_STORY,
);
