import { describe, expect, test } from 'vitest';
import { simulate } from '../../../../build/base/alpine/applets/simulate.ts';
import { openIndexArchive } from '../../../../build/base/alpine/index/archive.ts';
import { haveReal, realFile } from '../real.ts';

/** Packages of a small host; all of them are in Alpine's main repository. */
const HOST =
  'alpine-base openssh chrony nginx python3 nodejs dnsmasq iproute2 nftables lvm2 e2fsprogs dosfstools mdadm ' +
  'cryptsetup bash curl util-linux coreutils findutils grep sed gawk tar zstd pciutils usbutils ethtool tcpdump ' +
  'bridge-utils rsync git linux-lts squashfs-tools xorriso parted sfdisk smartmontools dmidecode iptables ' +
  'rsyslog logrotate postgresql15 sqlite vim';

describe.skipIf(!haveReal)('the main repository of Alpine 3.17', () => {
  const text = haveReal ? openIndexArchive(realFile('APKINDEX.tar.gz'), 'APKINDEX').text : '';
  const outcome = (words: string, installed = '', world = '') =>
    simulate(
      {
        architecture: 'aarch64',
        world: { text: world, where: 'world' },
        installed: { text: installed, where: 'installed' },
        repositories: [{ tag: '', text, where: 'APKINDEX' }],
      },
      words.split(' '),
    );

  test('installs its base system in apk’s order', () => {
    expect(outcome('add alpine-base').map((line) => line.split(' ')[1])).toEqual(
      [
        'alpine-baselayout-data musl busybox busybox-binsh alpine-baselayout ifupdown-ng libcap2 openrc mdev-conf',
        'busybox-mdev-openrc alpine-conf alpine-keys alpine-release ca-certificates-bundle libcrypto3 libssl3',
        'ssl_client zlib apk-tools busybox-openrc busybox-suid scanelf musl-utils libc-utils alpine-base 25',
      ].flatMap((names) => names.split(' ')),
    );
  });

  test('resolves a host reproducibly, each package after its dependencies', () => {
    const lines = outcome(`add ${HOST}`);
    expect(lines.at(-1)).toBe(`OK ${lines.length - 1}`);
    expect(outcome(`add ${HOST.split(' ').toReversed().join(' ')}`)).toEqual(lines);
    const order = lines.map((line) => line.split(' ')[1] ?? '');
    expect(order.indexOf('musl')).toBeLessThan(order.indexOf('busybox'));
    expect(order.indexOf('openssl')).toBeLessThan(order.indexOf('linux-lts'));
    expect(order).toContain('nginx-openrc');
    expect(order).not.toContain('nginx-doc');
  });

  test('keeps installed packages, and purges them when they leave the world', () => {
    const names = new Set(
      outcome('add nginx openrc').map((line) => line.split(' ').slice(1, 3).join('-')),
    );
    const installed = text
      .split('\n\n')
      .filter((stanza) => {
        const [, name] = /^P:(.*)$/m.exec(stanza) ?? [];
        const [, version] = /^V:(.*)$/m.exec(stanza) ?? [];
        return names.has(`${name}-${version}`);
      })
      .join('\n\n');
    expect(outcome('upgrade', installed, 'nginx openrc')).toEqual([`OK ${names.size - 1}`]);
    const purged = outcome('del nginx openrc', installed, 'nginx openrc');
    expect(purged.filter((line) => line.startsWith('purge '))).toHaveLength(names.size - 1);
    expect(purged.at(-1)).toBe('OK 0');
  });

  test('explains an unsatisfiable request', () => {
    expect(outcome('add nginx openssl<1')[0]).toBe('ERROR unsatisfiable');
    expect(outcome('add ngin').join('\n')).toContain('did you mean nginx');
  });
});
