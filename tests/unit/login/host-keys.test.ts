import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { describe, expect, test } from 'vitest';
import { parsePublicKeys } from '../../../apps/services/public-key.ts';
import { temporaryFolder } from '../folder.ts';
import { inShell, SHELLS } from './shell.ts';

const ED25519 = 'ssh_host_ed25519_key';
const ECDSA = 'ssh_host_ecdsa_key';

describe.each(SHELLS.map((shell) => ({ name: shell[0], shell })))('$name', ({ shell }) => {
  /** The folders of a machine for its stored keys and for those that sshd uses. */
  async function machine(): Promise<{ cwd: string; kept: string; own: string }> {
    const cwd = await temporaryFolder();
    const [kept, own] = [join(cwd, 'kept'), join(cwd, 'own')];
    await mkdir(own);
    return { cwd, kept, own };
  }

  /** Runs the commands before the start of sshd. */
  async function setUp(cwd: string, env: Record<string, string> = {}): Promise<string[]> {
    const text = 'KEPT=$PWD/kept SSH=$PWD/own\nset_up_host_keys';
    const parts = ['persistence', 'ssh/host-keys'];
    const { status, stdout } = await inShell(text, { shell, parts, cwd, env });
    expect(status).toBe(0);
    return stdout.split('\n').filter((line) => line !== '');
  }

  test('host keys are generated once, stored, and the same after a restart', async () => {
    const { cwd, kept, own } = await machine();
    expect(await setUp(cwd)).toEqual([]);
    expect((await readdir(kept)).sort()).toEqual([ECDSA, ED25519]);
    for (const name of [ECDSA, ED25519]) {
      expect((await stat(join(own, name))).mode & 0o777).toBe(0o600);
      expect(await readFile(join(own, name))).toEqual(await readFile(join(kept, name)));
    }
    const first = await readFile(join(own, ED25519), 'utf8');
    await execa('rm', [join(own, ED25519), join(own, ECDSA)]);
    expect(await setUp(cwd)).toEqual([]);
    expect(await readFile(join(own, ED25519), 'utf8')).toBe(first);
    expect((await readdir(own)).sort()).toEqual([ECDSA, `${ECDSA}.pub`, ED25519, `${ED25519}.pub`]);
    const { stdout } = await execa('ssh-keygen', ['-l', '-f', join(own, ED25519)]);
    const [told] = parsePublicKeys(await readFile(join(own, `${ED25519}.pub`), 'utf8'));
    expect(stdout).toContain(told?.fingerprint);
  });

  test('without persistent storage host keys are generated for the session, and stay the same in it', async () => {
    const { cwd, own } = await machine();
    await setUp(cwd, { NOTHING_PERSISTS: 'yes' });
    const first = await readFile(join(own, ED25519), 'utf8');
    await setUp(cwd, { NOTHING_PERSISTS: 'yes' });
    expect(await readFile(join(own, ED25519), 'utf8')).toBe(first);
    expect(await readdir(cwd)).toEqual(['own']);
  });

  test('a stored key that everyone can read, as on FAT, is used from a copy that only root can read', async () => {
    const { cwd, kept, own } = await machine();
    await mkdir(kept);
    await execa('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', join(kept, ED25519)]);
    await execa('chmod', ['777', join(kept, ED25519)]);
    await setUp(cwd);
    expect(await readFile(join(own, ED25519))).toEqual(await readFile(join(kept, ED25519)));
    expect((await stat(join(own, ED25519))).mode & 0o777).toBe(0o600);
  });

  test.each([
    ['nothing', ''],
    ['text', 'hello\n'],
    [
      'a key cut short',
      '-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9u\n',
    ],
    ['NULs', '\0'.repeat(512)],
    ['a megabyte', 'x'.repeat(1_000_000)],
  ])(
    'a stored file with %s is set aside and reported, and a new key is stored',
    async (_, text) => {
      const { cwd, kept } = await machine();
      await mkdir(kept);
      await writeFile(join(kept, ED25519), text);
      const file = join(kept, ED25519);
      expect(await setUp(cwd)).toEqual([
        `report: ${file}: not a private key of type ed25519 without passphrase; set aside as ${ED25519}.rejected`,
      ]);
      expect(await readFile(`${file}.rejected`, 'utf8')).toBe(text);
      expect(await readFile(file, 'utf8')).toMatch(/^-----BEGIN OPENSSH PRIVATE KEY-----/);
    },
  );

  test.each([
    ['of another type', ['-t', 'ecdsa', '-N', '']],
    ['with a passphrase', ['-t', 'ed25519', '-N', 'secret']],
  ])('a stored key %s is set aside', async (_, args) => {
    const { cwd, kept } = await machine();
    await mkdir(kept);
    await execa('ssh-keygen', ['-q', ...args, '-f', join(kept, ED25519)]);
    expect(await setUp(cwd)).toHaveLength(1);
    expect(await readdir(kept)).toContain(`${ED25519}.rejected`);
  });
});
