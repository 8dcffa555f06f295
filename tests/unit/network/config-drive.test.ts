import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { planConfigDrive } from '../../../build/image/config-drive/plan.ts';
import { WRITERS } from '../../../build/image/config-drive/write.ts';
import { run } from '../../../build/process/run.ts';

const KEY = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ2Wv5p7 operator@desk';

const HASH = `$6$salt$${'a.B/0'.repeat(17)}z`;
const TOKEN = `qxj1.SecretOfAtLeast16.${'0123456789abcdef'.repeat(4)}`;

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'quantix-config-drive-test-'));
});
afterEach(() => rm(folder, { recursive: true }));

describe('a config drive', () => {
  test('has the values of the arguments, in the files that the machine reads', () => {
    expect(
      planConfigDrive({
        hostname: 'node7',
        address: '10.0.0.7/24',
        gateway: '10.0.0.1',
        dns: '9.9.9.9,1.1.1.1',
        networkFiles: { 'eth1.conf': 'METHOD=dhcp\n' },
        authorizedKeys: `# desk\r\n${KEY}\r\n`,
        ssh: true,
      }),
    ).toEqual({
      '/hostname': 'node7\n',
      '/network/static.conf':
        'IP_ADDRESS=10.0.0.7\nPREFIX=24\nGATEWAY=10.0.0.1\nDNS=9.9.9.9,1.1.1.1\n',
      '/network/eth1.conf': 'METHOD=dhcp\n',
      '/ssh/authorized_keys': `# desk\n${KEY}\n`,
      '/ssh/enabled': expect.any(String),
    });
    const told = { passwordHash: HASH, controlPlane: 'https://qvdc.example', joinToken: TOKEN };
    expect(planConfigDrive(told)).toEqual({
      '/auth/shadow': `root:${HASH}\n`,
      '/node/node.yaml': `controlPlane: https://qvdc.example\njoinToken: ${TOKEN}\n`,
    });
    expect(Object.keys(planConfigDrive({ authorizedKeys: KEY }))).toEqual(['/ssh/authorized_keys']);
    expect(planConfigDrive({ interface: 'wlan0', ssid: 'home', psk: 'password' })).toEqual({
      '/network/wlan0.conf': 'SSID=home\nPSK=password\n',
    });
  });

  test.each([
    ['nothing to say', {}, /configures nothing/],
    ['a host name with a blank', { hostname: 'a b' }, /"a b" is not a host name \(--hostname\)/],
    ['a host name with a line feed', { hostname: 'a\nb' }, /is not a host name/],
    ['an address without prefix', { address: '10.0.0.7' }, /ADDRESS\/PREFIX, not "10\.0\.0\.7"/],
    ['two prefixes', { address: '10.0.0.7/24/8' }, /ADDRESS\/PREFIX/],
    ['a prefix of 33', { address: '10.0.0.7/33' }, /prefix from 1 to 32: 33 \(network\/static/],
    ['a line feed', { address: '10.0.0.7/24', dns: '1.1.1.1\nPSK=x' }, /a WiFi password has/],
    ['a gateway only', { gateway: '10.0.0.1' }, /METHOD=dhcp together with/],
    ['a path', { interface: '../hostname', ssid: 'a' }, /not the name of a network configuration/],
    ['another file', { networkFiles: { 'notes.txt': '' } }, /not the name of a network/],
    ['a file twice', { ssid: 'a', networkFiles: { 'static.conf': '' } }, /there twice/],
    ['SSH and no key', { hostname: 'a', ssh: true }, /lets nobody in \(--ssh\)/],
    ['a password', { passwordHash: 'secret' }, /not a password hash/],
    ['another hash', { passwordHash: HASH.replace('$6$', '$5$') }, /not a password hash/],
    ['two lines for a hash', { passwordHash: `${HASH}\nx` }, /not a password hash/],
    ['a token only', { joinToken: TOKEN }, /by its address and a token/],
    ['a control plane only', { controlPlane: 'https://a' }, /by its address and a token/],
    ['a path', { controlPlane: 'https://a/b', joinToken: TOKEN }, /not the address of a control/],
    ['an invalid token', { controlPlane: 'https://a', joinToken: 'qxj1.a.b' }, /join token/],
    ['two lines', { controlPlane: 'https://a', joinToken: `${TOKEN}\nx: 1` }, /join token/],
    ['a private key', { authorizedKeys: '-----BEGIN OPENSSH PRIVATE KEY-----' }, /a private key/],
    ['an invalid key', { authorizedKeys: `${KEY}\nhello` }, /\(--authorized-keys:2\)/],
  ])('with %s is refused', (_, request, told) => {
    expect(() => planConfigDrive(request)).toThrow(told);
  });

  const drive = {
    label: 'QUANTIX-CFG',
    files: { '/hostname': 'node7\n', '/network/eth0.conf': '' },
  };

  test('as a FAT disk has the label and the files', async () => {
    const image = join(folder, 'drive.img');
    await WRITERS.fat(image, drive);
    const listing = await run('mdir', ['-/', '-b', '-i', image, '::']);
    expect(listing.split('\n').sort()).toEqual([
      '::/hostname',
      '::/network/',
      '::/network/eth0.conf',
    ]);
    expect(await run('mtype', ['-i', image, '::/hostname'])).toBe('node7');
    const boot = await readFile(image);
    expect(boot.toString('latin1', 43, 57)).toBe('QUANTIX-CFGFAT');
    expect((await stat(image)).size % 512).toBe(0);
  });

  test.each(['fat', 'iso'] as const)(
    'can be written in folders with odd characters in their path (%s)',
    async (format) => {
      const odd = join(folder, `a: "b", *[c]=%7E\\@@1'`);
      await mkdir(odd);
      vi.stubEnv('TMPDIR', odd);
      onTestFinished(() => void vi.unstubAllEnvs());
      await WRITERS[format](join(odd, 'a: drive'), drive);
      vi.unstubAllEnvs();
      await WRITERS[format](join(folder, 'plain'), drive);
      const plain = await readFile(join(folder, 'plain'));
      expect((await readFile(join(odd, 'a: drive'))).equals(plain)).toBe(true);
      expect(await readdir(odd)).toEqual(['a: drive']);
    },
  );

  test('is skipped by a BIOS that tries it first', async () => {
    const file = join(folder, 'drive.img');
    await WRITERS.fat(file, { label: 'QUANTIX-CFG', files: { '/hostname': 'node7\n' } });
    // A jump (FAT specification, BS_jmpBoot) to interrupt 18h, which reports that the disk cannot be booted.
    const sector = (await readFile(file)).subarray(0, 512);
    expect(sector.toString('hex', 0, 2)).toBe('eb3c');
    expect(sector.toString('hex', 62, 64)).toBe('cd18');
  });

  test('without a folder for temporary files fails with the setting that names one', async () => {
    vi.stubEnv('TMPDIR', '/nonexistent');
    onTestFinished(() => void vi.unstubAllEnvs());
    const writing = WRITERS.fat(join(folder, 'x'), drive);
    await expect(writing).rejects.toThrow(/^scratch files cannot .*\/nonexistent.*Set TMPDIR/);
  });

  test('is refused under a name with @@, which mtools would misread', async () => {
    const writing = WRITERS.fat(join(folder, 'a@@1.img'), drive);
    await expect(writing).rejects.toThrow(/^mtools takes @@ .*a@@1\.img.*another name/);
  });

  test('is readable by its owner only, and a failure leaves no part of it', async () => {
    const target = join(folder, 'drive.img');
    await WRITERS.fat(target, drive);
    expect((await stat(target)).mode & 0o777).toBe(0o600);
    const tools = join(folder, 'tools');
    await mkdir(tools);
    const before = await readdir(folder);
    await writeFile(join(tools, 'mcopy'), '#!/bin/sh\nexit 1\n', { mode: 0o755 });
    vi.stubEnv('PATH', `${tools}${delimiter}${process.env.PATH}`);
    onTestFinished(() => void vi.unstubAllEnvs());
    const writing = WRITERS.fat(join(folder, 'another.img'), drive);
    await expect(writing).rejects.toThrow('mcopy exited with 1');
    expect(await readdir(folder)).toEqual(before);
  });

  test('as an ISO has the label and the files', async () => {
    const image = join(folder, 'drive.iso');
    await WRITERS.iso(image, drive);
    const found = await run('xorriso', ['-indev', image, '-find', '/', '-type', 'f']);
    expect(found.split('\n').sort()).toEqual(["'/hostname'", "'/network/eth0.conf'"]);
    expect((await readFile(image)).toString('latin1', 32_808, 32_819)).toBe('QUANTIX-CFG');
  });

  test.each(['fat', 'iso'] as const)('has the same bytes each time (%s)', async (format) => {
    const [one, another] = [join(folder, 'one'), join(folder, 'another')];
    await WRITERS[format](one, drive);
    await WRITERS[format](another, drive);
    expect((await readFile(one)).equals(await readFile(another))).toBe(true);
  });
});
