import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { parsePublicKey, parsePublicKeys } from '../../../../apps/services/public-key.ts';
import { fetchKeys, readHostKeys, readLogInKeys } from '../../../../apps/services/ssh-keys.ts';
import { readKeysInFolder } from '../../../../apps/support/keys.ts';
import { temporaryFolder } from '../../folder.ts';
import { makeRootFolder } from '../host/root-folder.ts';

/** Returns ssh-keygen's verdict on a line: its fingerprint, or that it is not a key. */
async function keygenSays(line: string, file: string): Promise<string | undefined> {
  await writeFile(file, `${line}\n`);
  const { exitCode, stdout } = await execa('ssh-keygen', ['-l', '-f', file], { reject: false });
  return exitCode === 0 ? stdout.split(' ')[1] : undefined;
}

const lines: string[] = [];

beforeAll(async () => {
  const folder = await mkdtemp(join(tmpdir(), 'quantix-keys-'));
  const kinds = [
    ['ed25519'],
    ['ecdsa', '256'],
    ['ecdsa', '384'],
    ['ecdsa', '521'],
    ['rsa', '2048'],
  ];
  await Promise.all(
    kinds.map(async ([type = '', bits = '256'], index) => {
      const file = join(folder, String(index));
      await execa('ssh-keygen', [
        '-q',
        '-t',
        type,
        '-b',
        bits,
        '-N',
        '',
        '-C',
        'op@desk',
        '-f',
        file,
      ]);
      lines[index] = (await readFile(`${file}.pub`, 'utf8')).trimEnd();
    }),
  );
  await rm(folder, { recursive: true });
});

test('a line is accepted as a key, with its fingerprint, exactly if ssh-keygen accepts it', async () => {
  const file = join(await temporaryFolder(), 'key');
  const [one = ''] = lines;
  const all = [
    ...lines,
    `from="10.0.0.0/8",command="echo \\"a b\\"" ${one}`,
    `no-pty ${one}`,
    `  ${one}`,
    `# ${one}`,
    one.slice(0, -30),
    one.replace('ssh-ed25519', 'ssh-rsa'),
    one.replace(' op@desk', ''),
    `${one.replace(' op@desk', '')} a  long comment`,
    'ssh-ed25519 AAAAnot',
    'hello',
    '-----BEGIN OPENSSH PRIVATE KEY-----',
    '',
  ];
  for (const line of all) {
    expect(`${line}: ${parsePublicKey(line)?.fingerprint}`).toBe(
      `${line}: ${await keygenSays(line, file)}`,
    );
  }
  expect(parsePublicKeys(`${all.join('\r\n')}`).map(({ type }) => type)).toEqual([
    'ED25519',
    'ECDSA',
    'ECDSA',
    'ECDSA',
    'RSA',
    ...Array(5).fill('ED25519'),
  ]);
});

test('keys of this machine are read from its files, each as permanent or for the session', async () => {
  const [one = '', two = ''] = lines;
  const root = await makeRootFolder({
    'quantix/ssh/authorized_keys': `# desk\n${one}\nhello\n`,
    'root/.ssh/authorized_keys': two,
    'etc/ssh/ssh_host_ed25519_key.pub': one,
    'etc/ssh/ssh_host_ecdsa_key.pub': 'no key',
    'etc/ssh/ssh_host_ed25519_key': '-----BEGIN',
  });
  expect(await readLogInKeys(root)).toMatchObject([
    { text: one, comment: 'op@desk', kept: true },
    { text: two, kept: false },
  ]);
  expect(await readHostKeys(root)).toMatchObject([{ text: one }]);
  expect(await readLogInKeys(await temporaryFolder())).toEqual([]);
  expect(await readHostKeys(await temporaryFolder())).toEqual([]);
});

test('keys on a stick are read from authorized_keys and files *.pub, each once', async () => {
  const [one = '', two = '', three = ''] = lines;
  const folder = await makeRootFolder({
    authorized_keys: `${one}\n${two}\n`,
    'ID.PUB': one,
    'c.pub': three,
    'notes.txt': lines[3] ?? '',
    'folder.pub/': '',
    'link.pub': '-> /etc/passwd',
    'huge.pub': 'x'.repeat(1_000_000),
  });
  expect((await readKeysInFolder(folder)).map(({ text }) => text).sort()).toEqual(
    [one, two, three].sort(),
  );
});

describe('keys at an address', () => {
  /** A web server that answers with a text. */
  async function serve(text: string | Buffer, status = 200): Promise<string> {
    const server = createServer((_request, response) => response.writeHead(status).end(text));
    await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
    onTestFinished(() => void server.close());
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('no port');
    return `http://127.0.0.1:${address.port}/keys`;
  }
  const sha256 = (text: string | Buffer) => createHash('sha256').update(text).digest('hex');
  const { signal } = new AbortController();

  test('are accepted if their hash matches, in upper or lower case', async () => {
    const text = `${lines.slice(0, 2).join('\n')}\n`;
    const url = await serve(text);
    expect(await fetchKeys({ url, sha256: sha256(text).toUpperCase() }, signal)).toHaveLength(2);
  });

  test.each([
    ['another hash', 'x', 200, sha256('y'), /is something else: its SHA-256 is [0-9a-f]{64}/],
    ['no key', 'x', 200, sha256('x'), /has no public key/],
    ['an error', 'x', 404, sha256('x'), /answered with 404/],
    ['a redirection', 'x', 302, sha256('x'), /answered with 302/],
    ['too much', Buffer.alloc(70_000), 200, sha256('x'), /is larger than 65536 bytes/],
  ])('with %s are refused', async (_, text, status, hash, words) => {
    const url = await serve(text, status);
    await expect(fetchKeys({ url, sha256: hash }, signal)).rejects.toThrow(words);
  });

  test('without a server are refused', async () => {
    const url = 'http://127.0.0.1:1/keys';
    await expect(fetchKeys({ url, sha256: sha256('') }, signal)).rejects.toThrow(
      /does not answer: .*ECONNREFUSED/,
    );
  });
});
