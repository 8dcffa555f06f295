import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { beforeAll, describe, expect, test } from 'vitest';
import { temporaryFolder } from '../folder.ts';
import { inShell, SHELLS } from './shell.ts';

/** A public key of each type that OpenSSH makes without hardware. */
const keys: string[] = [];

beforeAll(async () => {
  const folder = await mkdtemp(join(tmpdir(), 'quantix-keys-'));
  for (const [type, ...size] of [['ed25519'], ['ecdsa'], ['rsa', '-b', '2048']]) {
    const args = ['-q', '-t', `${type}`, ...size, '-N', '', '-C', 'op@desk'];
    await execa('ssh-keygen', [...args, '-f', join(folder, `${type}`)]);
    keys.push((await readFile(join(folder, `${type}.pub`), 'utf8')).trimEnd());
  }
  await rm(folder, { recursive: true });
});

describe.each(SHELLS.map((shell) => ({ name: shell[0], shell })))('$name', ({ shell }) => {
  /** Installs a file of keys. @returns what was reported, and the lines that may log in */
  async function install(text: string | Buffer | undefined) {
    const cwd = await temporaryFolder();
    await mkdir(join(cwd, 'kept'));
    if (text !== undefined) await writeFile(join(cwd, 'kept/authorized_keys'), text);
    const run =
      'KEPT_KEYS=kept/authorized_keys AUTHORIZED=$PWD/own/root\ninstall_authorized_keys && find own -type f -exec cat {} +';
    const parts = ['persistence', 'ssh/authorized-keys'];
    const { status, stdout } = await inShell(run, { shell, parts, cwd });
    expect(status).toBe(0);
    const lines = stdout.split('\n').filter((line) => line !== '');
    const told = lines.filter((line) => line.startsWith('report: '));
    return {
      told,
      installed: lines.filter((line) => !told.includes(line)),
      kept: await readdir(join(cwd, 'kept')),
    };
  }

  test('each line with a key is installed; other lines are reported with their number and left out', async () => {
    const [one = '', two = '', three = ''] = keys;
    const restricted = `from="10.0.0.0/8",command="echo \\"a b\\"" ${two}`;
    const text = [
      '# desk',
      one,
      '',
      'hello',
      'ssh-ed25519 AAAAnot',
      restricted,
      one.slice(0, -30),
      three,
    ];
    expect(await install(text.join('\n'))).toMatchObject({
      told: [4, 5, 7].map(
        (line) => `report: kept/authorized_keys:${line}: not a public key; left out`,
      ),
      installed: [one, restricted, three],
    });
  });

  test('CRLF line ends and a missing last one are accepted', async () => {
    const [one = '', two = ''] = keys;
    const { told, installed } = await install(`${one}\r\n${two}`);
    expect({ told, installed }).toEqual({ told: [], installed: [one, two] });
  });

  test.each([
    ['shell text', '$(reboot) `reboot` ; reboot\n'],
    ['a private key', '-----BEGIN OPENSSH PRIVATE KEY-----\n'],
    ['NULs', Buffer.alloc(100)],
    ['bytes', Buffer.from([0xff, 0xfe, 0x1b, 0x5b, 0x0a])],
    ['a long line', 'x'.repeat(60_000)],
  ])('%s is not accepted as a key', async (_, text) => {
    expect(await install(text)).toMatchObject({ told: [expect.any(String)], installed: [] });
  });

  test('a file that is far too large is set aside', async () => {
    const { told, installed, kept } = await install(`${keys[0]}\n`.repeat(2000));
    expect(told).toEqual([
      'report: kept/authorized_keys: not a file of at most 65536 bytes; set aside as authorized_keys.rejected',
    ]);
    expect({ installed, kept }).toEqual({ installed: [], kept: ['authorized_keys.rejected'] });
  });

  test('without a file no key is installed', async () => {
    expect(await install(undefined)).toMatchObject({ told: [], installed: [] });
  });
});
