import { expect, test } from 'vitest';
import { temporaryFolder } from '../unit/folder.ts';
import {
  expectGoodServices,
  expectLease,
  expectNoTrace,
  expectReachedFromOutside,
  expectStatic,
  powerOff,
  reachableMachine,
} from './address.ts';
import { expectEndReported, expectRestartsAfterKill, expectVmsTold } from './agent.ts';
import { expectCommandsCarriedOut } from './commands.ts';
import { expectBond, expectDocumentedPorts, expectNatNetwork, layWire } from './guest-networks.ts';
import { expectKernelSettings, expectSecureBoot, expectWatchdog } from './kernel.ts';
import { expectIscsiPool, expectPoolsMade, expectPoolsUpAgain, poolDisks } from './pools.ts';
import { LEASED, STATIC, setDhcpOnScreen, setStaticOnScreen } from './set-address.ts';
import { boot, LONG, logIn, type Story, succeed, untilReady, untilSucceeds } from './story.ts';

/** Milliseconds; with emulation, and beside another test, this takes a quarter of an hour. */
const STORY = 1_800_000;

/** Waits until the agent reports this address of the machine, and checks that it reports no other. */
async function untilAgentTells(story: Story, address: string): Promise<void> {
  await untilSucceeds(story, `grep -q '→ ${address}$' /var/log/quantix/node.log`);
  const told = await succeed(story, 'qx-node status');
  expect(told).toContain(`Management      ${address}\n`);
  expect(told).not.toContain(address === STATIC ? LEASED : STATIC);
}

test(
  'Quantix-OS boots with Secure Boot, changes from DHCP to a static address and back in its console, and keeps it over a restart; the agent reports addresses and VMs at once and survives being killed; only documented ports answer; guests, a bond and storage pools work',
  async () => {
    const { machine, otherwise, hostPort } = await reachableMachine('quantix-os', 'QUANTIX-CFG', {
      bios: { board: 'pc', drive: { as: 'cdrom', bus: 'ata' } },
      uefi: { board: 'q35', drive: { as: 'cdrom', bus: 'ata' } },
      further: await poolDisks(await temporaryFolder()),
    });
    {
      await using story = await boot('quantix-os-network', machine);
      await untilReady(story);
      await logIn(story);
      await expectGoodServices(story, 'quantix-os');
      await expectKernelSettings(story);
      await expectLease(story);
      await setStaticOnScreen(story);
      await untilAgentTells(story, STATIC);
      await expectStatic(story);
      await expectReachedFromOutside(story, hostPort);
      await expectPoolsMade(story);
      await expectIscsiPool(story);
      await powerOff(story);
    }
    await using story = await boot('quantix-os-network-again', { ...otherwise, watchdog: true });
    await untilReady(story);
    await logIn(story);
    await expectSecureBoot(story);
    await expectWatchdog(story);
    await expectStatic(story);
    await expectPoolsUpAgain(story);
    await setDhcpOnScreen(story);
    await expectLease(story);
    await expectNoTrace(story);
    await untilAgentTells(story, LEASED);
    await layWire(story);
    await expectDocumentedPorts(story, [22]);
    await expectNatNetwork(story);
    await expectBond(story);
    await expectVmsTold(story);
    await expectRestartsAfterKill(story);
    if (LONG) await expectCommandsCarriedOut(story);
    await expectEndReported(story);
    story.expectGoodConsole();
  },
  STORY,
);
