import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { answerAt, listen } from './answer.ts';
import { configurationDisk } from './configuration-disk.ts';
import { freePort } from './free-port.ts';
import { boot, imageOf, logIn, type Story, succeed } from './story.ts';

const PROFILES = [
  { profile: 'quantix-os', label: 'QUANTIX-CFG' },
  { profile: 'qvdc', label: 'QVDC-CFG' },
];
const STATIC = '10.0.2.77';
const LEASED = '10.0.2.15';
/** Waits in the guest for the lease. */
const LEASE_IS_THERE = `until qx-network status | grep -q '${LEASED}/24'; do usleep 200000; done`;
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

describe.each(PROFILES)('$profile', ({ profile, label }) => {
  test('takes a lease, goes static and is reached there, stays so after a restart, and goes back without a trace', async () => {
    const hostPort = await freePort();
    const disk = await configurationDisk(label);
    await using story = await boot(`${profile}-network`, {
      firmware: 'bios',
      medium: { as: 'cdrom', image: imageOf(profile).iso },
      disks: [{ file: disk, format: 'raw', bus: 'virtio' }],
      forwards: [{ hostPort, guestAddress: STATIC, guestPort: PORT }],
    });
    const { guest } = story;
    await guest.waitForMilestone('ready');
    await guest.waitForMilestone('network');
    await logIn(story);
    await succeed(story, LEASE_IS_THERE);
    expect(await status(story)).toMatchObject({
      persistent: true,
      method: 'dhcp',
      addresses: [{ address: LEASED, prefix: 24 }],
      gateway: '10.0.2.2',
    });

    await succeed(story, `qx-network static eth0 ${STATIC}/24 --gateway 10.0.2.2`);
    await listen(story, PORT);
    expect(await answerAt(hostPort)).toBe('reached\n');

    const before = guest.mark;
    guest.type('reboot');
    await guest.waitForMilestone('ready', before);
    await guest.waitForMilestone('network', before);
    await logIn(story, before);
    expect(await status(story)).toMatchObject({
      method: 'static',
      source: '/quantix/network/eth0.conf',
      addresses: [{ address: STATIC, prefix: 24 }],
      gateway: '10.0.2.2',
    });
    expect(await succeed(story, 'ps')).not.toContain('udhcpc');

    await succeed(story, 'qx-network dhcp eth0');
    await succeed(story, LEASE_IS_THERE);
    expect(await status(story)).toMatchObject({
      method: 'dhcp',
      addresses: [{ address: LEASED, prefix: 24 }],
    });
    const traces =
      'ip -4 addr; ip route; cat /etc/resolv.conf; find /quantix -type f -exec cat {} +';
    expect(await succeed(story, traces)).not.toContain(STATIC);
    expect(await succeed(story, "ps | grep -c '[u]dhcpc'")).toBe('1\n');
    await guest.powerOff();
    story.expectGoodConsole();
  });
});
