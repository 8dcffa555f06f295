import { isUtf8 } from 'node:buffer';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { BuildError } from '../../../build/error.ts';
import { parseNetworkFile } from '../../../build/image/config-drive/network-file.ts';
import { mutate } from '../../fuzz/mutate.ts';
import { Random } from '../../fuzz/random.ts';

const PARTS = resolve(import.meta.dirname, '../../../overlay/common/usr/lib/quantix/network');
const MUTATIONS = 500;

const GOOD = [
  'IP_ADDRESS=10.0.0.5\nPREFIX=24\nGATEWAY=10.0.0.1\nDNS=9.9.9.9,1.1.1.1\n',
  'METHOD=static\nIP_ADDRESS=192.168.7.130\nNETMASK=255.255.255.128\nGATEWAY=192.168.7.129\n',
  'METHOD=dhcp\n\n# WiFi\nSSID=some network\nPSK=some password\n',
  'TYPE=bridge\nPORTS=eth0,bond0\nMTU=9000\nMETHOD=off\nMETHOD6=off\n',
  'TYPE=bond\nPORTS=eth0,eth1\nBOND_MODE=802.3ad\nROUTES=10.9.0.0/16 via 10.0.0.1,fd00:9::/48 via fe80::1\n',
  'TYPE=vlan\nLINK=bond0\nVLAN_ID=107\nIP_ADDRESS6=fd00:7::7\nPREFIX6=64\nGATEWAY6=fd00:7::1\nDNS6=fd00::53\n',
  'IP_ADDRESS6=2001:db8:0:0:1:2:3:4\nPREFIX6=59\nGATEWAY6=fe80::1\nDNS6=::1,2001:DB8::53\nMTU=1280\n',
] as const;

/** Prints `qx-network`'s plan for each file, or `refused`. */
const JUDGE = `
for part in message address address6 interface keys config; do . "$1/$part.sh"; done
interface='' RUN=/nowhere
cd "$2" && for file in *; do
	read_config "$file" 2>/dev/null && echo "$file $method $address/$prefix $gateway $dns $type:$ports:$bond_mode:$vlan_id:$link:$mtu $routes $method6 $address6/$prefix6 $gateway6 $dns6" || echo "$file refused"
done`;

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'quantix-network-files-'));
});
afterAll(() => rm(folder, { recursive: true }));

function judge(text: string): string {
  try {
    const plan = parseNetworkFile(text, 'file');
    const { method, address = '', prefix = '', gateway = '', dns, routes } = plan;
    const { type = '', ports, bondMode = '', vlanId = '', link = '', mtu = '' } = plan;
    const { method6, address6 = '', prefix6 = '', gateway6 = '', dns6 } = plan;
    const four = `${method} ${address}/${prefix} ${gateway} ${dns.join(',')}`;
    const kind = [type, ports.join(','), bondMode, vlanId, link, mtu].join(':');
    const six = `${method6} ${address6}/${prefix6} ${gateway6} ${dns6.join(',')}`;
    return `${four} ${kind} ${routes.join(',')} ${six}`;
  } catch (error) {
    if (error instanceof BuildError) return 'refused';
    throw error;
  }
}

test.each([
  ['busybox', ['busybox', 'sh']],
  ['dash', ['dash']],
] as const)(
  'qx-network (%s) and qx-build read any configuration in the same way',
  async (name, shell) => {
    const files = join(folder, name);
    await mkdir(files);
    const expected: string[] = [];
    for (let seed = 0; seed < MUTATIONS; seed++) {
      const random = new Random(seed);
      const bytes = mutate(Buffer.from(random.pick(GOOD)), random);
      if (!isUtf8(bytes)) continue;
      const file = String(seed).padStart(4, '0');
      await writeFile(join(files, file), bytes);
      expected.push(`${file} ${judge(bytes.toString('utf8'))}`);
    }
    const [program, ...args] = shell;
    const env = { LC_ALL: 'C' };
    const { stdout } = await execa(program, [...args, '-c', JUDGE, 'sh', PARTS, files], { env });
    expect(stdout.split('\n')).toEqual(expected);
    expect(expected.filter((line) => line.endsWith('refused')).length).toBeLessThan(
      expected.length,
    );
  },
);
