import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { describe, expect, test } from 'vitest';
import { encodeSshKey, formatSshKeyLine, readSshKeyLine } from '../../../build/release/ssh-key.ts';
import {
  formatAllowedSigner,
  LONGEST_SSH_SIGNATURE,
  readSshSignature,
  signSsh,
  verifySsh,
} from '../../../build/release/ssh-signature.ts';
import { encodeSshNumber, encodeSshString } from '../../../build/release/ssh-wire.ts';
import { temporaryFolder } from '../folder.ts';
import { newPair } from './releases.ts';

const ours = newPair('ours');
const others = newPair('others');
const BYTES = Buffer.from('aa  quantix.iso\n');
const text = await signSsh(BYTES, ours.signer);

/** Returns a signature that consists of these parts. */
function armoured(...parts: (string | Uint8Array)[]): string {
  const base64 = Buffer.concat(parts.map((part) => Buffer.from(part))).toString('base64');
  return `-----BEGIN SSH SIGNATURE-----\n${base64}\n-----END SSH SIGNATURE-----\n`;
}

const version = encodeSshNumber(1);
const key = encodeSshString(encodeSshKey(ours.trusted.key));
const signature = encodeSshString(
  Buffer.concat([encodeSshString('ssh-ed25519'), encodeSshString(Buffer.alloc(64))]),
);
const rest = [encodeSshString('file'), encodeSshString(''), encodeSshString('sha512'), signature];

describe('a signature for ssh-keygen', () => {
  test('is accepted by ssh-keygen itself, for namespace file and this key only', async () => {
    const folder = await temporaryFolder();
    const [file, allowed] = [join(folder, 'SHA256SUMS.sig'), join(folder, 'allowed')];
    await writeFile(file, text);
    const verify = (input: Uint8Array, namespace = 'file') =>
      execa(
        'ssh-keygen',
        ['-Y', 'verify', '-f', allowed, '-I', 'release', '-n', namespace, '-s', file],
        { input },
      );
    await writeFile(allowed, `${formatAllowedSigner(ours.trusted.key)}\n`);
    const { stdout } = await verify(BYTES);
    expect(stdout).toContain('Good "file" signature for release with ED25519 key');
    await expect(verify(Buffer.from('changed'))).rejects.toThrow('Signature verification failed');
    await expect(verify(BYTES, 'git')).rejects.toThrow();
    await writeFile(allowed, `${formatAllowedSigner(others.trusted.key)}\n`);
    await expect(verify(BYTES)).rejects.toThrow();
  });

  test.each(['sha256', 'sha512'])('made by ssh-keygen itself with %s is accepted', async (hash) => {
    const folder = await temporaryFolder();
    const [file, secret] = [join(folder, 'f'), join(folder, 'id')];
    await writeFile(file, BYTES);
    await execa('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', 'ü x', '-f', secret]);
    const words = ['-q', '-Y', 'sign', '-f', secret, '-n', 'file', '-O', `hashalg=${hash}`];
    await execa('ssh-keygen', [...words, file]);
    const read = readSshSignature(await readFile(`${file}.sig`, 'utf8'), 'f.sig');
    expect(verifySsh(read, BYTES, 'f.sig')).toBe(true);
    const line = await readFile(`${secret}.pub`, 'utf8');
    expect(read.key.equals(readSshKeyLine(line, 'id.pub'))).toBe(true);
    expect(line).toContain(`${formatSshKeyLine(read.key)} `);
  });

  test('is the same each time, and only for these bytes', async () => {
    expect(await signSsh(BYTES, ours.signer)).toBe(text);
    const read = readSshSignature(text, 'f.sig');
    expect(read.key.equals(ours.trusted.key)).toBe(true);
    expect(verifySsh(read, BYTES, 'f.sig')).toBe(true);
    expect(verifySsh(read, Buffer.from('x'), 'f.sig')).toBe(false);
    expect(() => verifySsh({ ...read, namespace: 'git' }, BYTES, 'f.sig')).toThrow(
      'it is for "git", not for a file (f.sig)',
    );
  });

  test.each([
    ['', /first and last line/],
    [text.replace('BEGIN', 'END'), /first and last line/],
    [text.replace(/\n(.)/, '\n@'), /first and last line/],
    [armoured('SSHSIGN', version, key, ...rest), /version is/],
    [armoured('SSHCERT', version, key, ...rest), /does not begin with SSHSIG/],
    [armoured('SSH'), /ends too early/],
    [armoured('SSHSIG', encodeSshNumber(2), key, ...rest), /version is 2/],
    [armoured('SSHSIG', version, encodeSshNumber(0xffffffff)), /ends too early/],
    [armoured('SSHSIG', version, key, ...rest.slice(0, 3)), /ends too early/],
    [armoured('SSHSIG', version, key, ...rest, 'x'), /1 bytes too many/],
    [
      armoured('SSHSIG', version, encodeSshString(encodeSshString('ssh-rsa')), ...rest),
      /kind "ssh-rsa"/,
    ],
    [
      armoured(
        'SSHSIG',
        version,
        key,
        encodeSshString('file'),
        encodeSshString(''),
        encodeSshString('md5'),
        signature,
      ),
      /"md5" is not a hash/,
    ],
    [
      armoured(
        ...['SSHSIG', version, key, ...rest.slice(0, 3)],
        encodeSshString(
          Buffer.concat([encodeSshString('ssh-ed25519'), encodeSshString(Buffer.alloc(63))]),
        ),
      ),
      /63 bytes is not Ed25519/,
    ],
    ['-'.repeat(LONGEST_SSH_SIGNATURE + 1), /too long/],
  ])('is refused if it is broken: %.60j', (broken, why) => {
    expect(() => readSshSignature(broken, 'f.sig')).toThrow(why);
    expect(() => readSshSignature(broken, 'f.sig')).toThrow('(f.sig)');
  });
});

test.each([
  ['', /kind ""/],
  ['ssh-rsa AAAA', /kind "ssh-rsa"/],
  ['ssh-ed25519', /ends too early/],
  ['ssh-ed25519 AAAA', /ends too early/],
  [`${formatSshKeyLine(ours.trusted.key)}\n${formatSshKeyLine(others.trusted.key)}`, /kind/],
  [`no-pty ${formatSshKeyLine(ours.trusted.key)}`, /kind "no-pty"/],
])('a line that is not an Ed25519 key of SSH is refused: %.40j', (line, why) => {
  expect(() => readSshKeyLine(line, 'id.pub')).toThrow(why);
});
