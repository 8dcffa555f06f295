import { expect } from 'vitest';
import { begin, goStatic, type Story } from './world/story.ts';
import { test } from './world/test.ts';

/** Output of `iw dev wlan0 scan`, shortened. */
const SCAN = `BSS 02:00:00:00:01:00(on wlan0)
\tsignal: -70.00 dBm
\tSSID: far
\tRSN:\t * Version: 1
\t\t * Authentication suites: PSK
BSS 02:00:00:00:02:00(on wlan0)
\tsignal: -40.00 dBm
\tSSID: near and "open"
BSS 02:00:00:00:03:00(on wlan0)
\tsignal: -50.00 dBm
\tSSID: new
\tRSN:\t * Version: 1
\t\t * Authentication suites: PSK SAE
`;

/**
 * A machine whose eth0 looks like a WiFi interface. The kernels of these tests have no mac80211_hwsim, so only the
 * preparation is tested: the files for wpa_supplicant, and when it is started and ended. tests/vm/hardware.test.ts
 * tests radios, on the appliance's own kernel.
 */
async function beginWifi(): Promise<Story> {
  const story = await begin();
  await story.machine.succeed('mkdir /sys/class/net/eth0/wireless');
  const supplicant =
    '#!/bin/sh\necho "$*" >>/started\n(while sleep 1; do :; done) &\necho $! >$7\n';
  await story.machine.write(
    '/usr/sbin/wpa_supplicant',
    supplicant.replace('&', '</dev/null >/dev/null 2>&1 &'),
  );
  await story.machine.write('/scan', SCAN);
  await story.machine.write('/usr/sbin/iw', '#!/bin/sh\ncat /scan\n');
  await story.machine.succeed('chmod 755 /usr/sbin/wpa_supplicant /usr/sbin/iw');
  return story;
}

const CONFIGURATION = '/run/quantix/network/eth0/wpa_supplicant.conf';

test('networks in range are listed, strongest first, with their security (plan only: no mac80211_hwsim)', async () => {
  await using story = await beginWifi();
  expect((await story.machine.network('wifi', 'eth0')).stdout.split('\n')).toEqual([
    '-40\topen\tnear and "open"',
    '-50\tWPA2/WPA3\tnew',
    '-70\tWPA2\tfar',
  ]);
});

test('a scan waits until wpa_supplicant has finished its own scan, and a scan that fails reports the reason', async () => {
  await using story = await beginWifi();
  const { machine } = story;
  const busy = 'echo "command failed: Device or resource busy (-16)"; rm /busy; exit 240';
  await machine.write('/usr/sbin/iw', `#!/bin/sh\nif [ -e /busy ]; then ${busy}; fi\ncat /scan\n`);
  await machine.write('/busy', '');
  expect(await machine.network('wifi', 'eth0')).toMatchObject({
    status: 0,
    stdout: expect.stringContaining('near and "open"') as string,
    stderr: '',
  });
  await machine.write(
    '/usr/sbin/iw',
    '#!/bin/sh\necho "command failed: Network is down"; exit 1\n',
  );
  expect(await machine.network('wifi', 'eth0')).toEqual({
    status: 1,
    stdout: '',
    stderr: 'qx-network: eth0: cannot look for networks: command failed: Network is down',
  });
});

test('a network is joined with WPA2 or WPA3, its password kept for root only (plan only: no mac80211_hwsim)', async () => {
  await using story = await beginWifi();
  const { machine, lan } = story;
  await lan.serveDhcp();
  const join = 'printf "%s\\n" "$2" | qx-network wifi eth0 "$1"';
  expect(await machine.succeed(join, 'a "b" $(c)', 'pass"word $1')).toMatch('by DHCP');
  expect(await machine.read(CONFIGURATION)).toBe(
    [
      'ctrl_interface=/run/wpa_supplicant',
      'update_config=0',
      'network={',
      '\tssid=612022622220242863',
      '\tscan_ssid=1',
      '\tkey_mgmt=WPA-PSK WPA-PSK-SHA256 SAE',
      '\tieee80211w=1',
      '\tpsk="pass"word $1"',
      '}',
    ]
      .join('\n')
      .replace('242863', '24286329'),
  );
  const secrets = await machine.succeed(
    'find /quantix /run/quantix -type f -exec grep -l pass {} + | xargs stat -c "%a"; ps | grep -c "pass[w]ord" || :',
  );
  expect(secrets.split('\n')).toEqual(['600', '600', '600', '0']);
  expect(await machine.read('/quantix/network/eth0.conf')).toBe(
    'METHOD=dhcp\nSSID=a "b" $(c)\nPSK=pass"word $1',
  );
});

test('a change of address keeps the WiFi; another password starts wpa_supplicant anew (plan only: no mac80211_hwsim)', async () => {
  await using story = await beginWifi();
  const { machine, lan } = story;
  await lan.serveDhcp();
  await machine.succeed('echo password1 | qx-network wifi eth0 home');
  await goStatic(machine, 'eth0', { lan, host: 7 });
  expect(await machine.read('/quantix/network/eth0.conf')).toMatch('SSID=home\nPSK=password1');
  expect((await machine.read('/started'))?.split('\n')).toHaveLength(1);
  await machine.succeed('echo password2 | qx-network wifi eth0 home');
  expect((await machine.read('/started'))?.split('\n')).toHaveLength(2);
  expect((await machine.state('eth0')).addresses).toEqual([`${lan.host(7)}/24`]);
  expect(
    await machine.succeed(
      'grep -l "^State:.[SR]" $(grep -l wpa_supplicant /proc/[0-9]*/status) | wc -l',
    ),
  ).toBe('1');
});

test('an open network, and one with a 64-digit key, are joined (plan only: no mac80211_hwsim)', async () => {
  await using story = await beginWifi();
  const { machine, lan } = story;
  await lan.serveDhcp();
  await machine.succeed('qx-network wifi eth0 cafe </dev/null');
  expect(await machine.read(CONFIGURATION)).toMatch(/\tkey_mgmt=NONE\n}$/);
  const key = '0123456789abcdef'.repeat(4);
  await machine.succeed('echo $1 | qx-network wifi eth0 cafe', key);
  expect(await machine.read(CONFIGURATION)).toMatch(`\tpsk=${key}\n}`);
  const short = await machine.sh('echo short | qx-network wifi eth0 cafe');
  expect(short).toMatchObject({ status: 1 });
  expect(short.stderr).toMatch('8 to 63 printable');
});

test('a WiFi interface without a network is left alone at boot', async () => {
  await using story = await beginWifi();
  const { machine } = story;
  expect(await machine.network('apply', 'eth0')).toEqual({ status: 0, stdout: '', stderr: '' });
  expect(await machine.clients()).toEqual([]);
});

test('a change that is cancelled while it joins another network returns to the previous one (plan only: no mac80211_hwsim)', async () => {
  await using story = await beginWifi();
  const { machine, lan, cable } = story;
  await lan.serveDhcp();
  await machine.succeed('echo password1 | qx-network wifi eth0 home');
  const before = await machine.read(CONFIGURATION);
  // Without a carrier, the change waits for the interface to join the network.
  await lan.ip('link', 'set', cable, 'down');
  const cancelled = await machine.sh(
    'echo password2 >/password; qx-network wifi eth0 other </password & p=$!; until grep -q 6f74686572 $1; do usleep 10000; done; kill $p; wait $p',
    CONFIGURATION,
  );
  expect(cancelled.status).toBe(130);
  expect(await machine.read(CONFIGURATION)).toBe(before);
  expect(await machine.read('/quantix/network/eth0.conf')).toMatch('SSID=home');
  expect((await machine.statusOf('eth0')).dhcp?.lease).toBeTruthy();
});
