import { parseStatistics } from '../../apps/libvirt/statistics.ts';
import { formatLanDatagram, parseLanDatagram } from '../../apps/proto/lan-datagram.ts';
import { mutate } from './mutate.ts';
import type { Target } from './target.ts';

const QUESTION = formatLanDatagram({
  kind: 'question',
  number: '0123456789abcdef',
  fingerprint: 'ab'.repeat(32),
  port: 0,
});

/** Datagrams of the LAN: an accepted one is formatted unchanged. */
export const lan: Target = {
  name: 'lan',
  once(random) {
    const bytes = mutate(QUESTION, random);
    const told = parseLanDatagram(bytes);
    if (told !== undefined && !formatLanDatagram(told).equals(bytes))
      throw new Error('not the same');
  },
};

const ID = '9f1b2c3d-0000-4000-8000-00000000abcd';
const OUTPUT = Buffer.from(
  `quantix-addresses-of ${ID} vnet0 52:54:00:12:34:56 ipv4 192.168.122.3/24\n - - ipv6 2001:db8::3/64\n` +
    "Domain: 'web'\n  cpu.time=123\n  balloon.rss=2048\n  block.0.rd.bytes=100\n  net.0.rx.bytes=7\n",
);
const WEB = {
  id: ID,
  name: 'web',
  state: 'running',
  cpus: 1,
  memory: 1,
  persistent: true,
  autostart: false,
} as const;

/** Output of virsh about guests, partly chosen by their agents: the result has numbers and addresses, or nothing. */
export const statistics: Target = {
  name: 'statistics',
  once(random) {
    for (const { cpuTime, addresses } of parseStatistics(mutate(OUTPUT, random).toString(), [
      WEB,
    ])) {
      if (!Number.isFinite(cpuTime) || cpuTime < 0) throw new Error(`a time of ${cpuTime}`);
      const odd = addresses.find((one) => !/^[0-9a-f.:]{2,45}$/.test(one));
      if (odd !== undefined) throw new Error(`no address: ${odd}`);
    }
  },
};
