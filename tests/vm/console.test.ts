import { expect, test } from 'vitest';
import { z } from 'zod';
import { healthSchema } from '../../apps/api/health.ts';
import { networkSchema } from '../../apps/api/network.ts';
import { answerAt, listen } from './answer.ts';
import { configurationDisk } from './configuration-disk.ts';
import { freePort } from './free-port.ts';
import { fillIn, pressInTurn, untilScreenShows } from './screen.ts';
import { boot, imageOf, logIn, type Story, succeed } from './story.ts';

const LEASED = '10.0.2.15';
const STATIC = '10.0.2.77';
/** Port of the guest that answers while a test asks. */
const PORT = 8077;

/** A machine whose static address is answered for by the host's port. */
async function bootReachable(profile: string, label: string) {
  const hostPort = await freePort();
  const story = await boot(`${profile}-console`, {
    firmware: 'bios',
    medium: { as: 'cdrom', image: imageOf(profile).iso },
    disks: [{ file: await configurationDisk(label), format: 'raw', bus: 'virtio' }],
    forwards: [{ hostPort, guestAddress: STATIC, guestPort: PORT }],
  });
  return { story, hostPort };
}

const toldSchema = z.object({
  health: healthSchema,
  network: z.object({ value: networkSchema }),
});

/** What the agent tells, all of it. */
async function agent(story: Story) {
  const { health, network } = toldSchema.parse(
    JSON.parse(await succeed(story, 'qx-node status --json')),
  );
  return { health, interfaces: network.value.interfaces };
}

/** Waits until the agent tells a text. */
async function untilAgentTells(story: Story, text: string): Promise<void> {
  await succeed(story, `until qx-node status 2>&1 | grep -F '${text}'; do usleep 200000; done`);
}

test('Quantix-OS: an address set by typing in the console is taken, and the agent tells it at once', async () => {
  const { story, hostPort } = await bootReachable('quantix-os', 'QUANTIX-CFG');
  await using _ = story;
  const { guest } = story;
  await guest.waitForMilestone('ready');
  await guest.waitForMilestone('network');
  await logIn(story);
  await untilAgentTells(story, `Management      ${LEASED}`);
  await untilScreenShows(story, `eth0  ${LEASED}/24  DHCP`);
  await story.screenshot();

  await pressInTurn(story, ['f2']);
  await untilScreenShows(story, 'Hardware address');
  await guest.press('s');
  await untilScreenShows(story, 'static address on eth0');
  await fillIn(story, `${STATIC}/24`);
  await guest.press('ret');
  await untilScreenShows(story, `eth0: ${STATIC}/24`);
  await guest.press('ret');
  await untilScreenShows(story, `${STATIC}/24  static`);
  await untilAgentTells(story, `Management      ${STATIC}`);
  await listen(story, PORT);
  expect(await answerAt(hostPort)).toBe('reached\n');
  const { health, interfaces } = await agent(story);
  expect(health.managementAddress).toBe(STATIC);
  expect(interfaces).toMatchObject([{ method: 'static', dhcp: null }]);

  await pressInTurn(story, ['f2']);
  await untilScreenShows(story, 'Hardware address');
  await guest.press('d');
  await untilScreenShows(story, 'DHCP on eth0');
  await guest.press('ret');
  await untilScreenShows(story, `eth0: ${LEASED}/24 by DHCP`);
  await guest.press('ret');
  await untilScreenShows(story, `${LEASED}/24  DHCP`);
  await untilAgentTells(story, `Management      ${LEASED}`);
  expect(await succeed(story, 'qx-node status')).not.toContain(STATIC);
  const log = await succeed(story, 'cat /var/log/quantix/node.log');
  expect(log).toContain(`${LEASED} → ${STATIC}`);
  // In between it may have none.
  expect(log).toMatch(new RegExp(`→ ${STATIC}$[^]*→ ${LEASED}$`, 'm'));

  const console = 'pgrep -of ^/usr/sbin/qx-console';
  const another = `until new=$(${console}) && [ $new != $old ]; do usleep 200000; done`;
  await succeed(story, `old=$(${console}) && kill -9 $old && ${another}`);
  await untilScreenShows(story, `${LEASED}/24  DHCP`);
  await guest.powerOff();
  story.expectGoodConsole();
});

test('QvDC: the console on the serial line sets a static address too', async () => {
  const { story, hostPort } = await bootReachable('qvdc', 'QVDC-CFG');
  await using _ = story;
  const { guest } = story;
  await guest.waitForMilestone('ready');
  await guest.waitForMilestone('network');
  await guest.waitFor(/Press Enter to use the console/);
  await story.screenshot();
  const menu = guest.mark;
  guest.type('');
  await guest.waitFor(/10\.0\.2\.15\/24/, menu);
  guest.send('2');
  await guest.waitFor(/Hardware address/, menu);
  guest.send('s');
  await guest.waitFor(/static address on eth0/, menu);
  const form = guest.mark;
  guest.send(`${'\x7f'.repeat(20)}${STATIC}/24\r`);
  await guest.waitFor(/eth0: 10\.0\.2\.77\/24/, form);
  guest.send('\r8');
  await guest.waitFor(/~ # /, form);
  await listen(story, PORT);
  expect(await answerAt(hostPort)).toBe('reached\n');
  await guest.powerOff();
  story.expectGoodConsole();
});
