import { mkdir, symlink, truncate, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import {
  readLiveConfiguration,
  withConfiguration,
} from '../../../../apps/installer/configuration.ts';
import { temporaryFolder } from '../../folder.ts';

const HASH = `$6$salt$${'a'.repeat(86)}`;

/** Creates a system with these files. */
async function systemWith(files: Record<string, string>): Promise<string> {
  const root = await temporaryFolder();
  for (const [name, text] of Object.entries(files)) {
    await mkdir(dirname(join(root, name)), { recursive: true });
    await writeFile(join(root, name), text);
  }
  return root;
}

/** Returns the files of a configuration as text. */
function texts(files: ReadonlyMap<string, Buffer>): Record<string, string> {
  return Object.fromEntries([...files].map(([name, bytes]) => [name, bytes.toString()]));
}

test('the stored configuration is carried over, except files of one installation or one boot', async () => {
  const root = await systemWith({
    'quantix/hostname': 'node7\n',
    'quantix/network/eth0.conf': 'METHOD=dhcp\n',
    'quantix/node/node.key': 'key',
    'quantix/node/deployment.json': '{}',
    'quantix/update/record.json': '{}',
    'quantix/update/server.json': '{}',
    'quantix/install.yaml': 'disk: {serial: X}',
    'quantix/install.json': '{}',
    'quantix/reset': 'node7',
    'quantix/network/eth1.conf.rejected': 'nonsense',
    'quantix/.before/0.1.0/hostname': 'old',
    'quantix/lost+found/x': '',
    'etc/shadow': 'root::20780:0:99999:7:::\n',
  });
  await symlink('/etc/passwd', join(root, 'quantix/link'));
  expect(texts(await readLiveConfiguration(root))).toEqual({
    hostname: 'node7\n',
    'network/eth0.conf': 'METHOD=dhcp\n',
    'node/node.key': 'key',
    'update/server.json': '{}',
  });
});

test('settings made for the session only, for lack of a disk, are stored', async () => {
  const root = await systemWith({
    'etc/quantix/network/eth0.conf': 'IP_ADDRESS=10.0.0.7\nPREFIX=24\n',
    'etc/shadow': `daemon:*:1::::::\nroot:${HASH}:20780:0:99999:7:::\n`,
    'etc/ssh/authorized_keys.d/root': 'ssh-ed25519 AAAA\n',
  });
  expect(texts(await readLiveConfiguration(root))).toEqual({
    'network/eth0.conf': 'IP_ADDRESS=10.0.0.7\nPREFIX=24\n',
    'auth/shadow': `root:${HASH}\n`,
    'ssh/authorized_keys': 'ssh-ed25519 AAAA\n',
  });
});

test('an empty configuration is carried over as empty; one that is too large is reported', async () => {
  expect(await readLiveConfiguration(await temporaryFolder())).toEqual(new Map());
  const root = await systemWith({ 'quantix/vdc/large': '' });
  await truncate(join(root, 'quantix/vdc/large'), 33 * 1024 ** 2);
  await expect(readLiveConfiguration(root)).rejects.toThrow(/more than 33554432 bytes \(.*large\)/);
});

test('a configuration that cannot be read is not carried over as an empty one', async () => {
  const root = await systemWith({ quantix: 'a file' });
  await expect(readLiveConfiguration(root)).rejects.toThrow(
    /the configuration of this system cannot be read: ENOTDIR.*Repair it/,
  );
});

test('settings of the answer file replace those carried over', () => {
  const carried = new Map(
    ['hostname', 'network/eth0.conf', 'node/node.key', 'ssh/enabled', 'keyboard'].map((name) => [
      name,
      Buffer.from('old'),
    ]),
  );
  const files = withConfiguration(carried, {
    hostname: 'node8',
    'password-hash': HASH,
    'ssh-keys': ['ssh-ed25519 A', 'ssh-ed25519 B'],
    ssh: false,
    network: { static: { IP_ADDRESS: '10.0.0.8', PREFIX: '24' } },
    join: { 'control-plane': 'https://qvdc.example', token: 'qxj1.x' },
  });
  expect(texts(files)).toEqual({
    hostname: 'node8\n',
    keyboard: 'old',
    'auth/shadow': `root:${HASH}\n`,
    'ssh/authorized_keys': 'ssh-ed25519 A\nssh-ed25519 B\n',
    'network/static.conf': 'IP_ADDRESS=10.0.0.8\nPREFIX=24\n',
    'node/node.yaml': 'controlPlane: https://qvdc.example\njoinToken: qxj1.x\n',
  });
  expect(texts(withConfiguration(carried, {}))).toEqual(texts(carried));
});
