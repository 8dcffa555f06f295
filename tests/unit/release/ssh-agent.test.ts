import { spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { execa } from 'execa';
import { describe, expect, onTestFinished, test } from 'vitest';
import { signBy } from '../../../build/release/signer.ts';
import { makeAgentSigner } from '../../../build/release/ssh-agent.ts';
import { encodeSshKey, readSshKeyLine } from '../../../build/release/ssh-key.ts';
import { encodeSshNumber, encodeSshString } from '../../../build/release/ssh-wire.ts';
import { temporaryFolder } from '../folder.ts';
import { newPair, untilListening } from './releases.ts';

const ours = newPair('ours');
const signal = new AbortController().signal;

/** An agent of OpenSSH without keys. @returns its socket */
async function realAgent(): Promise<string> {
  const socket = join(await temporaryFolder(), 'agent');
  const agent = spawn('ssh-agent', ['-D', '-a', socket], { stdio: 'ignore' });
  onTestFinished(() => void agent.kill());
  await untilListening(socket);
  return socket;
}

/** Makes a key and adds it to an agent. @returns its public key's line */
async function add(socket: string, ...kind: string[]): Promise<string> {
  const file = join(await temporaryFolder(), 'id');
  await execa('ssh-keygen', ['-q', ...kind, '-N', '', '-C', 'who signs', '-f', file]);
  await execa('ssh-add', ['-q', file], { env: { SSH_AUTH_SOCK: socket } });
  return await readFile(`${file}.pub`, 'utf8');
}

/** An agent that sends the bytes of `answer` for each message, or nothing if there are none. @returns its socket */
async function falseAgent(answer: (kind: number) => Uint8Array | undefined): Promise<string> {
  const socket = join(await temporaryFolder(), 'agent');
  const server = createServer((connection) => {
    connection.on('error', () => undefined);
    connection.once('data', (message: Buffer) => {
      const bytes = answer(message.readUInt8(4));
      if (bytes !== undefined) connection.end(bytes);
    });
    onTestFinished(() => void connection.destroy());
  });
  const { promise, resolve } = Promise.withResolvers<void>();
  server.listen(socket, resolve);
  await promise;
  onTestFinished(() => void server.close());
  return socket;
}

const message = (...parts: (string | Uint8Array)[]) =>
  encodeSshString(Buffer.concat(parts.map((part) => Buffer.from(part))));
const identities = (...keys: Uint8Array[]) =>
  message(
    Buffer.of(12),
    encodeSshNumber(keys.length),
    ...keys.map((one) => Buffer.concat([encodeSshString(one), encodeSshString('c')])),
  );

describe('ssh-agent', () => {
  test('signs with its only Ed25519 key, or with the named one', async () => {
    const socket = await realAgent();
    const options = { socket, key: undefined, signal };
    await expect(makeAgentSigner(options)).rejects.toThrow(
      /not clear: it has none .* --public-key/,
    );
    await add(socket, '-t', 'ecdsa');
    await expect(makeAgentSigner(options)).rejects.toThrow(
      'it has 1 of other kinds than ssh-ed25519 (ssh-agent)',
    );
    const first = readSshKeyLine(await add(socket, '-t', 'ed25519'), 'id.pub');
    const signer = await makeAgentSigner(options);
    expect(signer.key.equals(first)).toBe(true);
    expect(await signBy(signer, Buffer.from('bytes'))).toHaveLength(64);
    const second = readSshKeyLine(await add(socket, '-t', 'ed25519'), 'id.pub');
    await expect(makeAgentSigner(options)).rejects.toThrow(
      /not clear: .*"who signs", ssh-ed25519 AAAA/,
    );
    const named = await makeAgentSigner({ ...options, key: second });
    expect(await signBy(named, Buffer.from('bytes'))).toHaveLength(64);
    const missing = makeAgentSigner({ ...options, key: ours.trusted.key });
    await expect(missing).rejects.toThrow(
      `the key ${ours.trusted.id.slice(0, 16)} is not in the agent: it has ssh-ed25519 AAAA`,
    );
    await execa('ssh-add', ['-q', '-D'], { env: { SSH_AUTH_SOCK: socket } });
    await expect(signBy(signer, Buffer.from('x'))).rejects.toThrow('it refuses (ssh-agent)');
  });

  test.each([
    ['unset', undefined, 'SSH_AUTH_SOCK is not set'],
    ['missing', '/nonexistent/agent', 'it cannot be reached at /nonexistent/agent (ssh-agent)'],
  ])('with a socket that is %s is reported', async (_, socket, why) => {
    await expect(makeAgentSigner({ socket, key: undefined, signal })).rejects.toThrow(why);
  });

  const key = encodeSshKey(ours.trusted.key);
  test.each([
    ['nothing', Buffer.alloc(0), 'ends the connection without a reply'],
    ['half a length', Buffer.of(0, 0), 'ends the connection without a reply'],
    ['half a reply', identities(key).subarray(0, 30), 'ends the connection without a reply'],
    ['an empty message', message(), 'it ends too early'],
    ['a refusal', message(Buffer.of(5)), 'it refuses'],
    ['another message', message(Buffer.of(99)), 'a message of kind 99'],
    ['without end', encodeSshNumber(0xffffffff), 'its reply would have 4294967295 bytes'],
    [
      'with keys that do not come',
      message(Buffer.of(12), encodeSshNumber(0xffffffff)),
      'too early',
    ],
    [
      'with more after the keys',
      message(Buffer.of(12), encodeSshNumber(0), 'x'),
      '1 bytes too many',
    ],
    ['with a short key', identities(key.subarray(0, -1)), 'it ends too early'],
    ['with an invalid key', identities(Buffer.from('x')), 'it ends too early'],
  ])('that answers %s is refused', async (_, bytes, why) => {
    const socket = await falseAgent(() => bytes);
    await expect(makeAgentSigner({ socket, key: undefined, signal })).rejects.toThrow(why);
  });

  test.each([
    [
      'zeroes',
      Buffer.alloc(64),
      'not a signature that its public key verifies: 64 bytes (ssh-agent)',
    ],
    ['too little', Buffer.alloc(8), 'a signature of 8 bytes is not Ed25519'],
  ])('that signs with %s is refused', async (_, bytes, why) => {
    const blob = encodeSshString(
      Buffer.concat([encodeSshString('ssh-ed25519'), encodeSshString(bytes)]),
    );
    const socket = await falseAgent((kind) =>
      kind === 11 ? identities(key) : message(Buffer.of(14), blob),
    );
    const signer = await makeAgentSigner({ socket, key: undefined, signal });
    await expect(signBy(signer, Buffer.from('x'))).rejects.toThrow(why);
  });

  test('that does not answer is given up after a time limit, or at Ctrl-C', async () => {
    const socket = await falseAgent(() => undefined);
    const options = { socket, key: undefined };
    await expect(makeAgentSigner({ ...options, signal, patience: 50 })).rejects.toThrow(
      'it does not reply within 0.05 seconds (ssh-agent)',
    );
    const ending = AbortSignal.timeout(50);
    await expect(makeAgentSigner({ ...options, signal: ending })).rejects.toThrow(
      'aborted due to timeout',
    );
  });
});
