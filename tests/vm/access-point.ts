import { type Story, succeed } from './story.ts';

/** A WiFi network with a password and a DHCP server. */
export interface AccessPoint {
  ssid: string;
  security: 'WPA2' | 'WPA3';
  /** The only address that its DHCP server leases. */
  address: string;
  gateway: string;
}

export const PASSWORD = 'correct horse';

/** Settings of wpa_supplicant.conf(5) for an access point with this security. */
const SECURITY = {
  WPA2: ['key_mgmt=WPA-PSK', 'proto=RSN', 'pairwise=CCMP'],
  WPA3: ['key_mgmt=SAE', 'proto=RSN', 'pairwise=CCMP', 'ieee80211w=2'],
} as const;

/** Runs a command in a separate network namespace, which the guest can reach only by radio. */
const APART = '/sbin/ip netns exec air';

/**
 * Creates simulated radios in the guest that receive each other (mac80211_hwsim): `wlan0`, and one for each access
 * point. Starts the access points.
 */
export async function putOnAir(story: Story, points: readonly AccessPoint[]): Promise<void> {
  await succeed(story, `modprobe mac80211_hwsim radios=${points.length + 1}`);
  await succeed(story, '/sbin/ip netns add air');
  for (const [index, point] of points.entries()) await startPoint(story, point, `wlan${index + 1}`);
}

async function startPoint(story: Story, point: AccessPoint, name: string): Promise<void> {
  const radio = `/sys/class/net/${name}/phy80211/name`;
  await succeed(story, `until [ -e ${radio} ]; do usleep 100000; done`);
  await succeed(story, `iw phy $(cat ${radio}) set netns name air`);
  await succeed(story, `${APART} /sbin/ip addr add ${point.gateway}/24 dev ${name}`);
  const network = [`ssid="${point.ssid}"`, 'mode=2', 'frequency=2437', `psk="${PASSWORD}"`];
  const lines = ['network={', ...network, ...SECURITY[point.security], '}'];
  await writeLines(story, `/tmp/${name}.conf`, lines);
  await succeed(story, `${APART} wpa_supplicant -B -i ${name} -c /tmp/${name}.conf`);
  await writeLines(story, `/tmp/${name}.dhcp`, [
    `interface ${name}`,
    `start ${point.address}`,
    `end ${point.address}`,
    `lease_file /tmp/${name}.leases`,
    `pidfile /tmp/${name}.pid`,
    'option subnet 255.255.255.0',
    `option router ${point.gateway}`,
  ]);
  await succeed(story, `: >/tmp/${name}.leases; ${APART} busybox udhcpd /tmp/${name}.dhcp`);
}

async function writeLines(story: Story, file: string, lines: readonly string[]): Promise<void> {
  const words = lines.map((line) => `'${line}'`).join(' ');
  await succeed(story, `printf '%s\\n' ${words} >${file}`);
}
