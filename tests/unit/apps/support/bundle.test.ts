import { readFile, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { gunzipSync } from 'node:zlib';
import { execa } from 'execa';
import { describe, expect, test } from 'vitest';
import { type Item, yieldBundle } from '../../../../apps/support/bundle.ts';
import type { Place } from '../../../../apps/support/contents.ts';
import { bundleName, bundleOf } from '../../../../apps/support/write.ts';
import { temporaryFolder } from '../../folder.ts';
import { makeRootFolder } from '../host/root-folder.ts';

/** Secrets of all kinds; none has a recognizable form, unless its format requires one. */
const SECRETS = {
  hash: `$6$saltsalt$${'hA5h./'.repeat(14)}ab`,
  otherHash: '$y$j9T$planted5ecretYescrypt$abcdefghijklmnop',
  nodeKey: 'MIGHAgEAMBMGByqGSM49planted5ecretNodeKey',
  hostKey: 'b3BlbnNzaC1rZXktdjEAplanted5ecretHostKey',
  metricsKey: 'MIGHAgEAplanted5ecretMetricsKey',
  task: 'planted5ecretTask',
  authority: 'MIGHAgEAplanted5ecretAuthorityKey',
  token: 'qxj1.planted5ecretJoinToken',
  psk: 'planted 5ecret psk',
  sessionPsk: 'planted5ecretSessionPsk',
  chap: 'planted5ecretChap',
  mutualChap: 'planted5ecretMutualChap',
  libvirt: 'cGxhbnRlZDVlY3JldExpYnZpcnQ=',
  vnc: 'planted5ecretVnc',
  cloudInit: 'planted5ecretCloudInit',
  metadata: 'planted5ecretMetadata',
  database: 'planted5ecretDatabase',
} as const;

const PEM = (body: string) => `-----BEGIN PRIVATE KEY-----\n${body}\n-----END PRIVATE KEY-----\n`;
/** Log lines with each secret, without a word that marks it as one. */
const LOGGED = Object.values(SECRETS)
  .map((secret) => `Jan  3 12:00:00 node7 daemon.info x: it said ${secret} there\n`)
  .join('');
const ID = '0b8f6f86-0d1c-4e0c-9f5c-1f2d3c4b5a69';

const FILES = {
  'etc/os-release': 'NAME="Quantix-OS"\nVERSION_ID="0.1.0"\n',
  'etc/hosts': '127.0.0.1 localhost\n',
  'etc/shadow': `root:${SECRETS.hash}:20780::::::\nx:${SECRETS.otherHash}:1::::::\n`,
  'usr/sbin/qx-node': '',
  'quantix/hostname': 'node7\n',
  'quantix/auth/shadow': `root:${SECRETS.hash}\n`,
  'quantix/network/wlan0.conf': `SSID=home\nPSK=${SECRETS.psk}\n`,
  'quantix/network/eth0.conf.rejected': `PSK ${SECRETS.psk}\n`,
  'quantix/ssh/ssh_host_ed25519_key': PEM(SECRETS.hostKey),
  'quantix/ssh/authorized_keys': 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5 me\n',
  'quantix/node/node.key': PEM(SECRETS.nodeKey),
  'quantix/node/node.yaml': `# ${SECRETS.token}\njoinToken: ${SECRETS.token}\npools: []\n`,
  'quantix/node/membership.json': JSON.stringify({
    origin: 'https://qvdc.example',
    certificateChain: '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n',
  }),
  'quantix/node/metrics.pem': PEM(SECRETS.metricsKey),
  'quantix/node/tasks.json': `{"xml":"${SECRETS.task}"}\n`,
  'quantix/node/vms/a.json': `{"userData":"${SECRETS.task}"}\n`,
  'quantix/vdc/ca.key': PEM(SECRETS.authority),
  'quantix/vdc/config.yaml': `database:\n  password: ${SECRETS.database}\n`,
  'etc/quantix/network/wlan1.conf': `PSK=${SECRETS.sessionPsk}\n`,
  'etc/iscsi/iscsid.conf': `node.session.auth.password = ${SECRETS.chap}\n`,
  'var/lib/iscsi/nodes/iqn/portal/default': `node.session.auth.password_in = ${SECRETS.mutualChap}\n`,
  'etc/libvirt/secrets/a.base64': SECRETS.libvirt,
  'etc/libvirt/qemu/web.xml': `<graphics passwd='${SECRETS.vnc}'/>`,
  'var/log/system/messages': LOGGED,
  'var/log/quantix/node.log': LOGGED,
  'var/log/libvirt/qemu/we\u001bb .log': LOGGED,
  'data/crash/20260101-dmesg': LOGGED,
  'run/quantix/note': LOGGED,
};

const XML = `<domain><name>web</name>
<metadata><a:b xmlns:a="urn:x">${SECRETS.metadata}</a:b></metadata>
<sysinfo type='smbios'><entry>${SECRETS.cloudInit}</entry></sysinfo>
<os><cmdline>user=${SECRETS.cloudInit}</cmdline></os>
<graphics type='vnc' passwd='${SECRETS.vnc}' port='5900'/>
<qemu:commandline><qemu:arg value='${SECRETS.cloudInit}'/><qemu:env name='X' value="${SECRETS.cloudInit}"/></qemu:commandline>
</domain>`;

const run: Place['run'] = async ([command = '', ...args]) => {
  if (command === 'lvs') throw new Error(`lvs cannot: ${SECRETS.chap}`);
  if (args.includes('--uuid')) return `${ID}\n\u001b[2J\n`;
  if (args.includes('dumpxml')) return XML;
  return `${command} ${args.join(' ')}\n${LOGGED.replaceAll(/it said planted5ecret(?:Metadata|CloudInit|Task)/g, '')}`;
};

async function files(root: string): Promise<Map<string, string>> {
  const folder = await temporaryFolder();
  const packed = await packedOf(root);
  const listed = await execa('tar', ['-xvzf', '-', '-C', folder], { input: packed });
  const names = listed.stdout.split('\n');
  return new Map(
    await Promise.all(
      names.map(async (name) => [name, await readFile(join(folder, name), 'utf8')] as const),
    ),
  );
}

async function packedOf(root: string): Promise<Buffer> {
  const time = new Date('2026-01-27T10:15:00Z');
  const place: Place = { root, run };
  const pieces = await Array.fromAsync(bundleOf(time, new AbortController().signal, place));
  return Buffer.concat(pieces);
}

describe('the bundle of a machine', () => {
  test('has logs, state and configuration without the secrets in them', async () => {
    const logged = Object.fromEntries(
      Object.entries(FILES).map(([name, text]) => [
        name,
        // A secret that exists only in an operator's own XML cannot be recognized elsewhere.
        text === LOGGED
          ? text.replaceAll(/.*planted5ecret(Metadata|CloudInit|Task).*\n/g, '')
          : text,
      ]),
    );
    const root = await makeRootFolder(logged);
    const all = await files(root);
    const text = [...all].flat().join('\n');
    for (const [name, secret] of Object.entries(SECRETS)) {
      expect({ name, is: text.includes(secret) }).toEqual({ name, is: false });
    }
    expect(text).not.toMatch(/5ecret/);
    expect(all.get('logs/system/messages')).toContain('it said <removed> there');
    expect(all.get('configuration/network/wlan0.conf')).toBe('SSID=home\nPSK=<removed>\n');
    expect(all.get('configuration/node/membership.json')).toContain('MIIB');
    expect(all.get('configuration/files.json')).toContain('"path": "node/node.key"');
    expect(all.get(`virtual-machines/${ID}.xml`)).toContain("port='5900'");
    expect(all.get('kernel/dmesg.txt')).toContain('dmesg -r\n');
    expect([...all.keys()].filter((name) => /key|shadow|rejected/.test(name))).toEqual([
      'configuration/ssh/authorized_keys',
    ]);
    expect(JSON.parse(all.get('contents.json') ?? '')).toContainEqual({
      name: 'storage/logical-volumes.txt',
      bytes: 0,
      cut: 0,
      problem: 'lvs cannot: <removed>',
    });
  });

  test('is the same for the same machine and time, in the order of names', async () => {
    const root = await makeRootFolder(FILES);
    const packed = await packedOf(root);
    expect(packed.equals(await packedOf(root))).toBe(true);
    const { stdout } = await execa('tar', ['-tf', '-'], { input: gunzipSync(packed) });
    const names = stdout.split('\n');
    expect(names.slice(0, -1)).toEqual(names.slice(0, -1).sort());
    expect(names.at(-1)).toBe('contents.json');
    expect(names.every((name) => /^[\w./-]+$/.test(name))).toBe(true);
  });

  test('is made although a disk gives errors; it says what could not be read', async () => {
    const { 'etc/shadow': _, 'data/crash/20260101-dmesg': __, ...rest } = FILES;
    // Where a folder should be, there is a file.
    const root = await makeRootFolder({ ...rest, 'data/crash': '' });
    // A file whose first bytes cannot be read.
    await symlink('/proc/self/mem', join(root, 'etc/shadow'));
    const all = await files(root);
    expect(all.get('logs/system/messages')).toContain('it said <removed> there');
    expect(all.get('READ-THIS-FIRST.txt')).toMatch(/^etc\/shadow: EIO/m);
    expect(JSON.parse(all.get('contents.json') ?? '')).toContainEqual(
      expect.objectContaining({ name: 'crashes/list', problem: expect.any(String) as string }),
    );
  });

  test('of an empty machine lists what could not be read', async () => {
    const all = await files(await makeRootFolder({}));
    expect(JSON.parse(all.get('contents.json') ?? '')).toContainEqual(
      expect.objectContaining({
        name: 'kernel/version.txt',
        bytes: 0,
        problem: expect.stringContaining('ENOENT') as string,
      }),
    );
  });
});

test('a bundle that cannot be written to its end, as on a full stick, fails only its writer', async () => {
  const unhandled: unknown[] = [];
  const note = (error: unknown) => void unhandled.push(error);
  process.on('unhandledRejection', note);
  const place: Place = { root: await makeRootFolder(FILES), run };
  for await (const _ of bundleOf(new Date(), new AbortController().signal, place)) break;
  await wait(200);
  process.off('unhandledRejection', note);
  expect(unhandled).toEqual([]);
});

test('a bundle keeps its size limit: logs keep their newest lines, and omitted parts are listed', async () => {
  const lines = (name: string) =>
    Array.from({ length: 100 }, (_, at) => `${name} ${String(at).padStart(2, '0')} é\n`).join('');
  const item = (name: string, keep: Item['keep'], most: number): Item => ({
    ...{ name, keep, most },
    read: async () => lines(name),
  });
  const items = [item('c', 'end', 1000), item('a', 'begin', 25), item('b', 'end', 25)];
  const entries = await Array.fromAsync(
    yieldBundle(items, { secrets: [], signal: new AbortController().signal, most: 50 }),
  );
  expect(entries.map(({ name, text }) => [name, name.length === 1 ? text : ''])).toEqual([
    ['a', 'a 00 é\na 01 é\na 02 é\n'],
    ['b', 'b 97 é\nb 98 é\nb 99 é\n'],
    ['contents.json', ''],
  ]);
  expect(JSON.parse(entries.at(-1)?.text ?? '')).toEqual([
    { name: 'a', bytes: 24, cut: 776, problem: null },
    { name: 'b', bytes: 24, cut: 776, problem: null },
    { name: 'c', bytes: 0, cut: 800, problem: null },
  ]);
});

test('a full bundle takes nothing more, and says so', async () => {
  const item = (name: string): Item => ({
    ...{ name, keep: 'begin', most: 100 },
    read: async () => 'four\nmore\n',
  });
  const entries = await Array.fromAsync(
    yieldBundle([item('a'), item('b')], {
      ...{ secrets: [], signal: new AbortController().signal, most: 10 },
    }),
  );
  expect(entries.map(({ name }) => name)).toEqual(['a', 'contents.json']);
});

test('the name of a bundle has the host and the time', () => {
  const time = new Date('2026-01-27T10:15:00.123Z');
  expect(bundleName('node7', time)).toBe('support-node7-20260127T101500Z.tar.gz');
  expect(bundleName('../x\n', time)).toBe('support-host-20260127T101500Z.tar.gz');
});
