import { resolve } from 'node:path';
import { execa } from 'execa';
import { expect, test } from 'vitest';
import { mutate } from '../../fuzz/mutate.ts';
import { Random } from '../../fuzz/random.ts';

const PARTS = resolve(import.meta.dirname, '../../../overlay/common/usr/lib/quantix/network');
const MUTATIONS = 300;

/** Variables in which udhcpc passes a lease to its hook. */
const LEASE = {
  ip: '10.0.0.100',
  subnet: '255.255.255.0',
  router: '10.0.0.1 10.0.0.2',
  staticroutes: '10.5.0.0/16 10.0.0.9 0.0.0.0/0 10.0.0.3 10.6.0.1/32 0.0.0.0',
  dns: '10.0.0.1 9.9.9.9',
  search: 'a.example b.example',
  domain: 'c.example',
  hostname: 'node7.example',
  ntpsrv: '10.0.0.8',
  mtu: '1400',
  serverid: '10.0.0.1',
  lease: '3600',
};

/** The functions that check a lease, without those that query the machine or write. */
const JUDGE = `
for part in message address lease; do . "$1/$part.sh"; done
other_owner() { :; }
refuse_lease() { :; }
judge() {
	forget_leased
	check_lease eth0 && echo "$leased_address/$leased_prefix gw=$leased_gateway routes=$leased_routes dns=$leased_dns search=$leased_search name=$leased_name time=$leased_time mtu=$leased_mtu server=$leased_server seconds=$leased_seconds until=\${leased_until:+set}" || echo refused
}
`;

const ADDRESS = String.raw`\d{1,3}(?:\.\d{1,3}){3}`;
const NAME = '[A-Za-z0-9-]{1,63}';
const DOMAIN = '[A-Za-z0-9.-]{1,253}';

/** Pattern for a list of words, which may be empty. */
const list = (word: string, separator = ' ') => `(?:${word}(?:${separator}${word})*)?`;

/** Pattern for an accepted lease: whatever the server sent, it has only valid values. */
const SOUND = new RegExp(
  [
    String.raw`^${ADDRESS}/\d{1,2} gw=(?:${ADDRESS})?`,
    `routes=${list(String.raw`${ADDRESS}/\d{1,2},${ADDRESS}`)}`,
    `dns=${list(ADDRESS, ',')}`,
    `search=${list(DOMAIN)}`,
    `name=(?:${NAME})?`,
    `time=${list(ADDRESS)}`,
    String.raw`mtu=(?:\d{3,5})?`,
    `server=(?:${ADDRESS})?`,
    String.raw`seconds=\d{1,9} until=(?:set)?$`,
  ].join(' '),
);

function assignments(lease: Readonly<Record<string, string>>): string {
  return Object.entries(lease)
    .map(([name, value]) => `${name}='${value.replaceAll("'", String.raw`'\''`)}'`)
    .join(' ');
}

async function judge(shell: readonly string[], leases: Record<string, string>[]) {
  const [program = '', ...args] = shell;
  const script = `${JUDGE}${leases.map((lease) => `${assignments(lease)}\njudge\n`).join('')}`;
  const { stdout } = await execa(program, [...args, '-s', PARTS], {
    env: { LC_ALL: 'C' },
    input: Buffer.from(script, 'latin1'),
  });
  return stdout.split('\n');
}

const SHELLS: [string, string[]][] = [
  ['busybox', ['busybox', 'sh']],
  ['dash', ['dash']],
];

test.each(SHELLS)('a valid lease is accepted completely (%s)', async (_, shell) => {
  const empty = Object.fromEntries(Object.keys(LEASE).map((name) => [name, '']));
  expect(
    await judge(shell, [
      LEASE,
      { ...empty, ip: '172.16.0.9', router: '172.16.0.9 172.16.0.1', domain: 'bad' },
      { ...LEASE, ip: '10.0.0.255' },
      { ...LEASE, ip: '127.0.0.1' },
      { ...LEASE, subnet: '255.0.255.0' },
      { ...LEASE, lease: '4294967295' },
    ]),
  ).toEqual([
    '10.0.0.100/24 gw=10.0.0.3 routes=10.6.0.1/32,0.0.0.0 10.5.0.0/16,10.0.0.9 dns=10.0.0.1,9.9.9.9 search=a.example b.example name=node7 time=10.0.0.8 mtu=1400 server=10.0.0.1 seconds=3600 until=set',
    '172.16.0.9/16 gw=172.16.0.1 routes= dns= search= name= time= mtu= server= seconds=3600 until=set',
    'refused',
    'refused',
    'refused',
    expect.stringMatching('seconds=0 until=$') as string,
  ]);
});

test.each(SHELLS)('of any lease only valid values are accepted (%s)', async (_, shell) => {
  const leases = Array.from({ length: MUTATIONS }, (__, seed) => {
    const random = new Random(seed);
    const hostile: [string, ...string[]] = [
      '*',
      '/*',
      '$(reboot)',
      '`reboot`',
      "'; reboot; '",
      '-e',
      'a\nADDRESS=1.2.3.4',
    ];
    const change = (text: string) => {
      if (random.below(3) > 0) return text;
      if (random.below(3) === 0) return `${text} ${random.pick(hostile)}`;
      return mutate(Buffer.from(text), random).toString('latin1').replaceAll('\0', '');
    };
    return Object.fromEntries(Object.entries(LEASE).map(([name, text]) => [name, change(text)]));
  });
  const told = await judge(shell, leases);
  expect(told).toHaveLength(MUTATIONS);
  expect(told.filter((line) => line !== 'refused' && !SOUND.test(line))).toEqual([]);
  expect(told.filter((line) => line !== 'refused').length).toBeGreaterThan(MUTATIONS / 4);
});
