import { truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import {
  findSecrets,
  hideSecrets,
  REMOVED,
  readSecrets,
} from '../../../../apps/support/secrets.ts';
import { makeRootFolder } from '../host/root-folder.ts';

const KEY = 'MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgVhE4kXm2';
const HASH = `$6$saltsalt$${'aZ09./'.repeat(14)}ab`;

test.each([
  [`-----BEGIN PRIVATE KEY-----\n${KEY}\n${KEY}=\n-----END PRIVATE KEY-----\nafter`, 'after'],
  [`key=-----BEGIN EC PRIVATE KEY-----\\n${KEY}\\n-----END EC PRIVATE KEY-----\\n rest`, ''],
  [`-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\n${KEY}\n`, ''],
  [`-----BEGIN OPENSSH PRIVATE KEY-----\n${KEY}\n${KEY.slice(0, 20)}`, ''],
  [`root:${HASH}:20780:0:99999:7:::`, ':20780:0:99999:7:::'],
  [`Jan 3 qx: hash ${HASH} was set`, 'was set'],
  ['joined with qxj1.AbC-d_e.fffff now', 'now'],
  ['PSK=a b  c"d\nSSID=home', 'SSID=home'],
  ['  joinToken: qxj1.abc # once\npools: []', 'pools: []'],
  ['#node.session.auth.password = s3cr3t-chap', 'node.session.auth.password'],
  ['node.session.auth.password_in = s3cr3t-chap', 'password_in'],
  ['{"psk": "a \\" b s3cr3t", "ssid": "home"}', '"ssid": "home"'],
  ['{"secret_key":"s3cr3t","id":7}', '"id":7'],
  ["<graphics type='vnc' passwd='s3cr3t' listen='::1'/>", "listen='::1'"],
  ['<disk><password>s3cr3t</password><name>a</name></disk>', '<name>a</name>'],
  ['GET https://me:s3cr3t@example.com/x?y HTTP/1.1', '@example.com/x?y'],
  ['GET /x?token=s3cr3t&page=2', '&page=2'],
  ['Authorization: Bearer s3cr3t.s3cr3t.s3cr3t', 'Authorization'],
  ['sent bearer s3cr3ts3cr3t to it', 'to it'],
  ['qemu -object {"qom-type":"secret","id":"m","data":"s3cr3t","format":"raw"} -m 1G', '-m 1G'],
  ['qemu -object secret,id=m,data=s3cr3t,format=raw -m 1G', ',format=raw -m 1G'],
  ['mysql --password s3cr3t --host a', '--host a'],
  ['eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIx.SflKxw_s3cr3t x', ' x'],
  ['SCRAM-SHA-256$4096:c2FsdA==$s3cr3t:s3cr3t= x', ' x'],
  ['wpa_passphrase=s3cr3t', 'wpa_passphrase'],
])('in %j the secret is removed and the rest stays', (text, rest) => {
  const hidden = hideSecrets(text);
  expect(hidden).toContain(REMOVED);
  expect(hidden).toContain(rest);
  for (const secret of [KEY, KEY.slice(0, 20), HASH, 's3cr3t', 'AbC-d_e', 'a b  c']) {
    expect(hidden).not.toContain(secret);
  }
});

test.each([
  'Accepted publickey for root from 10.0.0.7 port 40022 ssh2: ED25519 SHA256:abc',
  'quantix: a wrong password of root was typed (2 in a row)',
  'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBvY6kT9 me@example',
  '-----BEGIN CERTIFICATE-----\nMIIBszCCAVmgAwIBAgIUV\n-----END CERTIFICATE-----',
  'eth0: 10.0.0.7/24 by DHCP, gateway 10.0.0.1',
  'http://10.0.0.1:8080/path',
  'the join token was refused',
])('%j has no secret and stays unchanged', (text) => {
  expect(hideSecrets(text)).toBe(text);
});

test('secrets in configuration files are removed from all other texts', () => {
  const text = "PSK=correct horse  battery\n# password = example-of-one\npasswd='short'\n";
  const known = findSecrets(text);
  expect(known).toEqual(['correct horse  battery']);
  expect(hideSecrets('wlan0: psk correct horse  battery was tried', known)).toBe(
    `wlan0: psk ${REMOVED} was tried`,
  );
  expect(findSecrets(`-----BEGIN PRIVATE KEY-----\n${KEY}\n-----END PRIVATE KEY-----`)).toEqual([
    KEY,
  ]);
});

test('texts made to be slow to match are processed quickly', () => {
  const size = 200_000;
  const slow = [
    'a'.repeat(size),
    'a.'.repeat(size / 2),
    'password'.repeat(size / 8),
    'password="'.repeat(size / 10),
    '<password '.repeat(size / 10),
    'a://'.repeat(size / 4),
    `a://${':'.repeat(size)}`,
    '"qom-type":"secret"'.repeat(size / 20),
    'secret,'.repeat(size / 8),
    'eyJaaaaaaaa-'.repeat(size / 12),
    '-----BEGIN PRIVATE KEY-----'.repeat(size / 27),
    '--token'.repeat(size / 7),
    '$6$'.repeat(size / 3),
    ' \t'.repeat(size / 2),
  ];
  // A pattern with backtracking would take hours, so the time limit of the test would fail it.
  for (const text of slow) expect(hideSecrets(text).length).toBeLessThanOrEqual(2 * size);
});

test('what is on a stick is not searched for secrets of this machine, nor is a large file read', async () => {
  const root = await makeRootFolder({
    'quantix/node/node.yaml': 'joinToken: s3cr3t-of-this-host\n',
    'run/quantix/sticks/Xab12C/notes.txt': 'password: s3cr3t-of-the-stick\n',
    'run/quantix/large': '',
  });
  // As large as an image that somebody keeps there; it takes no space.
  await truncate(join(root, 'run/quantix/large'), 3 * 1024 ** 3);
  expect(await readSecrets(root)).toEqual({ secrets: ['s3cr3t-of-this-host'], unread: [] });
});
