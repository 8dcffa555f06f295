import { awaitShell } from '../../build/qemu/shell.ts';
import { fillIn, pressInTurn, untilScreenShows } from './screen.ts';
import type { Story } from './story.ts';

/** The address that QEMU's network leases. */
export const LEASED = '10.0.2.15';
export const STATIC = '10.0.2.77';

/** Sets the static address in the console, by keyboard and screen. */
export async function setStaticOnScreen(story: Story): Promise<void> {
  await untilScreenShows(story, `eth0  ${LEASED}/24  DHCP`);
  await story.screenshot();
  await pressInTurn(story, ['f2']);
  await untilScreenShows(story, 'Hardware address');
  await story.guest.press('s');
  await untilScreenShows(story, 'static address on eth0');
  await fillIn(story, `${STATIC}/24`);
  await story.guest.press('ret');
  await confirmOnScreen(story, `eth0: ${STATIC}/24`);
  await untilScreenShows(story, `${STATIC}/24  static`);
}

/** Selects DHCP again in the console, by keyboard and screen. */
export async function setDhcpOnScreen(story: Story): Promise<void> {
  await untilScreenShows(story, `eth0  ${STATIC}/24  static`);
  await pressInTurn(story, ['f2']);
  await untilScreenShows(story, 'Hardware address');
  await story.guest.press('d');
  await untilScreenShows(story, 'DHCP on eth0');
  await story.guest.press('ret');
  // On a slow machine, the lease may come after the form has stopped waiting.
  await confirmOnScreen(story, `eth0: ${LEASED}/24 by DHCP`, 'no DHCP server has answered yet');
  await untilScreenShows(story, `${LEASED}/24  DHCP`);
}

/** Confirms a change, which would otherwise be undone, after the console shows one of some texts. */
async function confirmOnScreen(story: Story, ...texts: readonly string[]): Promise<void> {
  await untilScreenShows(story, ...texts);
  await story.guest.press('c');
  await untilScreenShows(story, 'eth0: confirmed');
  await story.guest.press('ret');
}

/** Sets the static address in the console on the serial line, and opens a shell from there. */
export async function setStaticOnSerialLine({ guest }: Story): Promise<void> {
  await guest.waitFor(/Press Enter to use the console/);
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
  guest.send('c');
  await guest.waitFor(/ confirmed/, form);
  guest.send('\r8');
  await awaitShell(guest);
}
