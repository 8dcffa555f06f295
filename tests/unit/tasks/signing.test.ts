import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFile, mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { main } from '../../../tasks/command-line.ts';
import { makeCommandSigner, readSigner } from '../../../tasks/signer.ts';
import { temporaryFolder } from '../folder.ts';
import { PROJECT } from '../profile/profiles.ts';
import { untilListening } from '../release/releases.ts';
import { captureOutput } from './captured-output.ts';

/** Milliseconds for a test that starts several programs; the machine may be busy with other tests. */
const TIME = 120_000;

const output = captureOutput();
let folder = '';
const at = (name: string) => join(folder, name);

beforeEach(async () => {
  folder = await temporaryFolder();
  await mkdir(at('r'));
  await writeFile(at('r/a.iso'), 'an image');
});

async function newKey(name = 'release', ...options: string[]): Promise<void> {
  const words = options.length > 0 ? options : ['--plain'];
  expect(await main(['key', 'new', at(`${name}.key`), ...words])).toBe(0);
}

const signal = new AbortController().signal;

const sign = (...words: string[]) => main(['sign', at('r'), ...words]);
const verify = (...words: string[]) => main(['verify', at('r'), ...words]);

describe('the signer of a release', { timeout: TIME }, () => {
  test('is a key in a file, and any form of the public key verifies it', async () => {
    await newKey();
    expect(await sign('--key', at('release.key'))).toBe(0);
    expect(output.printed).toContain(`${at('r')}: 1 file, 8 B, signed by ${at('release.key')}`);
    for (const form of ['pem', 'minisign', 'ssh']) {
      output.printed = '';
      expect(await main(['key', 'show', at('release.pem'), '--as', form])).toBe(0);
      await writeFile(at(form), output.printed);
      expect(await verify('--key', at(form)), form).toBe(0);
      expect(output.printed).toContain(`1 file, 8 B, all as ${form} `);
    }
  });

  test('is an agent, with the named key or its only one', async () => {
    const socket = at('agent');
    const agent = spawn('ssh-agent', ['-D', '-a', socket], { stdio: 'ignore' });
    onTestFinished(async () => {
      agent.kill();
      await once(agent, 'exit');
    });
    await untilListening(socket);
    await execa('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', at('id')]);
    vi.stubEnv('SSH_AUTH_SOCK', socket);
    onTestFinished(() => void vi.unstubAllEnvs());
    await execa('ssh-add', ['-q', at('id')]);
    expect(await sign('--ssh-agent', '--public-key', at('id.pub'))).toBe(0);
    expect(await verify('--key', at('id.pub'))).toBe(0);
    await rm(at('r/SHA256SUMS.sig'));
    expect(await sign('--ssh-agent')).toBe(0);
    expect(await verify('--key', at('id.pub'))).toBe(0);
    await newKey();
    expect(await sign('--ssh-agent', '--public-key', at('release.pem'))).toBe(1);
    expect(output.complained).toMatch(
      /the key [0-9a-f]{16} is not in the agent: it has ssh-ed25519 AAAA/,
    );
    vi.stubEnv('SSH_AUTH_SOCK', undefined);
    expect(await sign('--ssh-agent')).toBe(1);
    expect(output.complained).toContain('there is no ssh-agent: SSH_AUTH_SOCK is not set');
  });

  test.each([
    ['64 bytes', 'cat'],
    ['Base64', 'base64 -w 0'],
    ['Base64 with its line feed', 'base64 -w 0; echo'],
  ])('is any command that answers %s', async (_, last) => {
    await newKey();
    const openssl = `openssl pkeyutl -sign -rawin -inkey '${at('release.key')}'`;
    const command = `cat > '${at('m')}'; ${openssl} -in '${at('m')}' | { ${last}; }`;
    expect(await sign('--signer', command, '--public-key', at('release.pem'))).toBe(0);
    expect(await verify('--key', at('release.pem'))).toBe(0);
  });

  test('is a command, and no byte of its answer is lost, not even a last line feed', async () => {
    await newKey();
    const { key } = await readSigner(at('release.key'), { file: undefined, signal });
    const signer = makeCommandSigner('head -c 63 /dev/zero; echo', key, signal);
    const answer = Buffer.concat([Buffer.alloc(63), Buffer.from('\n')]);
    expect(Buffer.from(await signer.sign(Buffer.from('x')))).toEqual(answer);
  });

  test.each([
    [
      'head -c 64 /dev/zero',
      'not a signature that its public key verifies: 64 bytes (the command of --signer)',
    ],
    ['echo no', 'not a signature that its public key verifies: 3 bytes (the command of --signer)'],
    ['cat', 'not a signature that its public key verifies: '],
    ['echo denied >&2; exit 3', 'exited with 3: denied'],
    ['yes', 'the command of --signer '],
    ['exec 0<&-; exit 4', 'exited with 4'],
  ])('is refused unless its public key verifies the signature: %s', async (command, why) => {
    await newKey();
    expect(await sign('--signer', command, '--public-key', at('release.pem'))).toBe(1);
    expect(output.complained).toContain(why);
    await expect(stat(at('r/SHA256SUMS'))).rejects.toThrow('ENOENT');
  });

  test('is a command that is not shown anywhere, because it may contain a password', async () => {
    await newKey();
    const words = ['--verbose', '--public-key', at('release.pem'), '--signer'];
    const openssl = `openssl pkeyutl -sign -rawin -inkey '${at('release.key')}'`;
    const command = `: hunter2; cat > '${at('m')}'; ${openssl} -in '${at('m')}'`;
    expect(await sign(...words, command)).toBe(0);
    for (const failing of ['exit 3', 'echo no', 'yes', 'kill $$']) {
      expect(await sign(...words, `: hunter2; ${failing}`)).toBe(1);
    }
    expect(output.printed).toContain('signed by the command of --signer');
    expect(output.printed + output.complained).not.toContain('hunter2');
  });

  test('must be named once and completely', async () => {
    await newKey();
    expect(await sign()).toBe(2);
    expect(output.complained).toContain(
      'Who signs? Give --key FILE, --ssh-agent or --signer COMMAND.',
    );
    expect(await sign('--signer', 'x')).toBe(2);
    expect(output.complained).toContain('--signer needs --public-key FILE');
    expect(await sign('--key', at('release.key'), '--ssh-agent')).toBe(2);
    expect(await sign('--key', at('release.key'), '--key', at('release.key'))).toBe(2);
    expect(output.complained).toContain('--key may be given once');
  });

  test('is refused at once if nobody can be asked for its passphrase', async () => {
    await writeFile(at('word'), 'correct horse\n');
    await newKey('release', '--passphrase-file', at('word'));
    const words = ['tasks/qx-build.ts', 'sign', at('r'), '--key', at('release.key')];
    // The command's standard input is a pipe that never ends, as in CI.
    const signing = execa(process.execPath, words, { cwd: PROJECT, stdin: 'pipe', reject: false });
    const { exitCode, stderr } = await signing;
    expect(exitCode).toBe(1);
    expect(stderr).toBe(
      'qx-build: there is no terminal to ask for the passphrase. Give --passphrase-file FILE.',
    );
    expect(await sign('--key', at('release.key'), '--passphrase-file', at('word'))).toBe(0);
  });

  test('is opened before a release is built, and not after', async () => {
    const release = (...words: string[]) =>
      main(['release', '--offline', '--output', at('dist'), ...words]);
    expect(await release('--key', at('none.key'))).toBe(1);
    expect(output.complained).toBe(`qx-build: the key cannot be read (${at('none.key')}).\n`);
    expect(await release('--public-key', at('release.pem'))).toBe(2);
    expect(output.complained).toContain('Who signs?');
    await expect(stat(at('dist'))).rejects.toThrow('ENOENT');
  });
});

describe('qx-build verify', { timeout: TIME }, () => {
  beforeEach(async () => {
    await newKey();
    await newKey('others');
    await sign('--key', at('release.key'));
    output.printed = '';
  });

  test('ends with 1 and names what is wrong, for people and for programs', async () => {
    await appendFile(at('r/a.iso'), 'x');
    await writeFile(at('r/b.iso'), '');
    expect(await verify('--key', at('release.pem'))).toBe(1);
    expect(output.printed).toBe(
      'changed: a.iso: its SHA-256 is not the one that was signed\nextra: b.iso: it was not signed\n',
    );
    expect(output.complained).toContain(
      `not the release as it was signed: a.iso is changed, and 1 more (${at('r')})`,
    );
    await writeFile(at('r/\u001b[2J.iso'), '');
    output.printed = '';
    expect(await verify('--key', at('release.pem'))).toBe(1);
    expect(output.printed).toContain(String.raw`extra: \u{1b}[2J.iso: `);
    expect(output.printed + output.complained).not.toContain('\u001b');
    output.printed = '';
    expect(await verify('--json', '--key', at('release.pem'))).toBe(1);
    const [event = '{}'] = output.printed.split('\n');
    expect(JSON.parse(event)).toMatchObject({ event: 'finding', kind: 'changed', file: 'a.iso' });
  });

  test('ends with 1 if no trusted key has signed, with 0 if one of several has', async () => {
    expect(await verify('--key', at('others.pem'))).toBe(1);
    expect(output.printed).toContain(
      'not trusted: SHA256SUMS.minisig: it is not signed with a key',
    );
    expect(output.complained).toContain('so none of its files was checked');
    expect(await verify('--key', at('others.pem'), '--key', at('release.pem'))).toBe(0);
  });

  test('refuses a release that lacks a file, an invalid key, and a missing key', async () => {
    await rm(at('r/a.iso'));
    expect(await verify('--key', at('release.pem'), '--ignore-missing')).toBe(1);
    expect(output.complained).toContain('none of the files of the release is there');
    expect(await verify('--key', at('r/SHA256SUMS'))).toBe(1);
    expect(output.complained).toContain('it is not one public key, Ed25519, in PEM');
    expect(await verify('--key', at('release.key'))).toBe(1);
    expect(output.complained).toContain('there is a private key in the folder of public keys');
    expect(await verify()).toBe(2);
    expect(await readFile(at('r/SHA256SUMS'), 'utf8')).toContain('a.iso');
  });
});

test(
  'a stranger verifies a release by docs/releases.md',
  async () => {
    const page = await readFile(join(PROJECT, 'docs/releases.md'), 'utf8');
    const blocks = (where: string) =>
      [...page.matchAll(new RegExp(`^\`\`\`sh ${where}\\n([\\s\\S]*?)^\`\`\``, 'gm'))].map(
        ([, lines]) => lines ?? '',
      );
    await newKey();
    for (const [form, name] of [
      ['minisign', 'release.pub'],
      ['ssh', 'allowed_signers'],
    ] as const) {
      output.printed = '';
      await main(['key', 'show', at('release.pem'), '--as', form]);
      await writeFile(at(name), output.printed);
    }
    await rename(at('r'), at('0.2.0'));
    expect(await main(['sign', at('0.2.0'), '--key', at('release.key')])).toBe(0);
    const npm = `npm() { shift 4; '${process.execPath}' '${PROJECT}/tasks/qx-build.ts' "$@"; }`;
    const follow = (lines: string, cwd: string) =>
      execa('bash', ['-euc', `${npm}\n${lines}`], { cwd, reject: false });
    const steps = [
      ...blocks('in the folder').map((lines) => [lines, at('0.2.0')] as const),
      ...blocks('of the builder').map((lines) => [lines, folder] as const),
    ];
    expect(steps).toHaveLength(3);
    for (const [lines, cwd] of steps) expect((await follow(lines, cwd)).exitCode, lines).toBe(0);
    const sums = await readFile(at('0.2.0/SHA256SUMS'), 'utf8');
    await writeFile(at('0.2.0/SHA256SUMS'), sums.replace('a', 'b'));
    for (const [lines, cwd] of steps) expect((await follow(lines, cwd)).exitCode, lines).toBe(1);
  },
  TIME,
);

test(
  'the commands of docs/releasing.md sign a folder of files',
  async () => {
    const page = await readFile(join(PROJECT, 'docs/releasing.md'), 'utf8');
    const lines = /^```sh of who signs\n([\s\S]*?)^```/m.exec(page)?.[1] ?? '';
    await writeFile(at('passphrase'), 'correct horse\n');
    await newKey('release', '--passphrase-file', at('passphrase'));
    await mkdir(at('dist'));
    await rename(at('r'), at('dist/0.2.0'));
    const npm = `npm() { shift 4; '${process.execPath}' '${PROJECT}/tasks/qx-build.ts' "$@"; }`;
    const { stdout } = await execa('bash', ['-euc', `${npm}\n${lines}`], { cwd: folder });
    expect(stdout).toMatch(
      /dist\/0.2.0: 1 file, 8 B, all as release [0-9a-f]{16} has signed them$/,
    );
    expect(await readFile(at('allowed_signers'), 'utf8')).toMatch(/^release .* ssh-ed25519 \S+\n$/);
    await execa('minisign', ['-V', '-p', at('release.pub'), '-m', at('dist/0.2.0/SHA256SUMS')]);
  },
  TIME,
);
