import { expect, test } from 'vitest';
import { networkSchema } from '../../apps/api/network.ts';
import { type AccessPoint, PASSWORD, putOnAir } from './access-point.ts';
import { copiedOntoStick } from './media.ts';
import { boot, imageOf, logIn, type Story, succeed, untilSucceeds } from './story.ts';
import { expectReset, expectSupportBundle, upkeepDisks } from './upkeep.ts';

const POINTS: readonly AccessPoint[] = [
  { ssid: 'lab "two"', security: 'WPA2', address: '10.77.2.100', gateway: '10.77.2.1' },
  { ssid: 'lab three', security: 'WPA3', address: '10.77.3.100', gateway: '10.77.3.1' },
];

/** Joins a WiFi network in reach; the machine can then be reached there. */
async function joinWifi(story: Story, point: AccessPoint): Promise<void> {
  const { ssid, address, gateway } = point;
  await succeed(story, `echo '${PASSWORD}' | qx-network wifi wlan0 '${ssid}'`);
  const leased = `qx-network status | grep ' ${address}/24 '`;
  await untilSucceeds(story, leased);
  const { interfaces } = networkSchema.parse(
    JSON.parse(await succeed(story, 'qx-network status --json')),
  );
  expect(interfaces.find(({ name }) => name === 'wlan0')).toMatchObject({
    kind: 'wifi',
    method: 'dhcp',
    ssid,
    addresses: [{ address, prefix: 24 }],
    gateway,
  });
  await succeed(story, `ping -c 1 -I wlan0 ${gateway}`);
}

test('Quantix-OS boots under UEFI from a USB stick with copied files, carries out a reset, writes a support bundle to another stick, and joins WiFi networks', async () => {
  const image = await copiedOntoStick(imageOf('quantix-os').iso);
  await using story = await boot('quantix-os-hardware-usb', {
    firmware: 'uefi',
    medium: { as: 'disk', bus: 'usb', image },
    disks: await upkeepDisks(),
    // With one CPU, the machine once got no lease in time on the WPA3 network.
    cpus: 2,
  });
  await story.guest.waitForMilestone('ready');
  await logIn(story);
  await expectReset(story);
  expect(await succeed(story, 'uname -r')).not.toContain('cloud');
  expect(await succeed(story, 'mount')).toMatch(
    /^\/dev\/loop0 on \/run\/quantix\/medium type vfat \(ro,/m,
  );
  expect(await succeed(story, 'cat /sys/block/loop0/loop/backing_file')).toMatch(
    /^\/dev\/sd[a-z]1$/m,
  );
  await expectSupportBundle(story);

  await putOnAir(story, POINTS);
  for (const { ssid, security } of POINTS) {
    const inReach = `qx-network wifi wlan0 | grep '${security}.${ssid}$'`;
    await untilSucceeds(story, inReach);
  }
  for (const point of POINTS) await joinWifi(story, point);
  await story.guest.powerOff();
  story.expectGoodConsole();
});
