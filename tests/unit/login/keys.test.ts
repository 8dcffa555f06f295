import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { beforeAll, describe, expect, test } from 'vitest';
import { parsePublicKey } from '../../../apps/services/public-key.ts';
import { temporaryFolder } from '../folder.ts';
import { inShell, SHELLS } from './shell.ts';

const keys: string[] = [];

beforeAll(async () => {
  const folder = await mkdtemp(join(tmpdir(), 'quantix-keys-'));
  for (const name of ['one', 'two', 'three']) {
    const args = ['-q', '-t', 'ed25519', '-N', '', '-C', `${name}@desk`];
    await execa('ssh-keygen', [...args, '-f', join(folder, name)]);
    keys.push((await readFile(join(folder, `${name}.pub`), 'utf8')).trimEnd());
  }
  await rm(folder, { recursive: true });
});

const fingerprintOf = (line: string) => parsePublicKey(line)?.fingerprint ?? '';

describe.each(SHELLS.map((shell) => ({ name: shell[0], shell })))('$name', ({ shell }) => {
  const PREPARE =
    'complain() { echo "told: $*"; }\nKEPT_KEYS=$PWD/kept/authorized_keys SESSION_KEYS=$PWD/session/authorized_keys\n';

  /** A machine with these stored keys. */
  async function machine(kept?: string) {
    const cwd = await temporaryFolder();
    await mkdir(join(cwd, 'kept'));
    if (kept !== undefined) await writeFile(join(cwd, 'kept/authorized_keys'), kept);
    const parts = ['persistence', 'ssh/authorized-keys', 'ssh/keys'];
    const change = async (text: string, env: Record<string, string> = {}) =>
      await inShell(`${PREPARE}${text}`, { shell, parts, cwd, env });
    /** Adds keys that a person types or pastes. */
    const add = async (text: string, env: Record<string, string> = {}) => {
      await writeFile(join(cwd, 'typed'), text);
      return await change('add_keys <typed', env);
    };
    const read = (place: string) =>
      readFile(join(cwd, place, 'authorized_keys'), 'utf8').catch(() => undefined);
    return { add, change, read };
  }

  test('keys are added once, below the existing ones, and removed by their fingerprint', async () => {
    const [one = '', two = '', three = ''] = keys;
    const { add, change, read } = await machine(`# desk\n${one}`);
    expect(await add(`${two}\r\nfrom="10.0.0.0/8" ${three}`)).toEqual({ status: 0, stdout: '' });
    expect(await read('kept')).toBe(`# desk\n${one}\n${two}\nfrom="10.0.0.0/8" ${three}\n`);
    expect(await add(`${two}\n`)).toEqual({
      status: 0,
      stdout: `told: this key is there already: ${fingerprintOf(two)}`,
    });
    expect(await change(`remove_key ${fingerprintOf(one)}`)).toEqual({ status: 0, stdout: '' });
    expect(await read('kept')).toBe(`# desk\n${two}\nfrom="10.0.0.0/8" ${three}\n`);
    expect(await change(`remove_key ${fingerprintOf(one)}`)).toMatchObject({ status: 1 });
  });

  test.each([
    ['nothing', ''],
    ['text', 'hello\n'],
    ['half a key', 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5\n'],
    ['shell text', '$(reboot) `reboot` ; reboot\n'],
    ['a private key', '-----BEGIN OPENSSH PRIVATE KEY-----\n'],
    ['control characters', '\x1b[2J\x07\n'],
  ])('%s is refused, and a valid key before it is not added either', async (_, text) => {
    const [one = '', two = ''] = keys;
    const { add, read } = await machine(one);
    const added = await add(text === '' ? text : `${two}\n${text}`);
    expect(added).toMatchObject({
      status: 1,
      stdout: expect.stringMatching(/^told: (line 2 is not a public key|no public key was given)$/),
    });
    expect(await read('kept')).toBe(one);
  });

  test('without persistent storage keys last until the next boot, with a warning', async () => {
    const [one = ''] = keys;
    const { add, change, read } = await machine();
    const added = await add(one, { NOTHING_PERSISTS: 'yes' });
    expect(added).toMatchObject({
      status: 0,
      stdout: expect.stringMatching(/until the next boot/),
    });
    expect(await read('kept')).toBeUndefined();
    expect(await read('session')).toBe(`${one}\n`);
    expect(await change(`remove_key ${fingerprintOf(one)}`)).toEqual({ status: 0, stdout: '' });
    expect(await read('session')).toBe('');
  });

  test('keys beyond the size limit are refused', async () => {
    const [one = '', two = ''] = keys;
    const { add, read } = await machine(one);
    const added = await add(`command="${'x'.repeat(66_000)}" ${two}`);
    expect(added).toMatchObject({ status: 1, stdout: expect.stringMatching(/more than 65536/) });
    expect(await read('kept')).toBe(one);
  });
});
