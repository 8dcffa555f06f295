import { readFileSync } from 'node:fs';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { execa } from 'execa';
import { describe, expect, test } from 'vitest';
import { main } from '../../../tasks/command-line.ts';
import { openOwnerKey, readOwner } from '../../../tasks/owner-key.ts';
import { temporaryFolder } from '../folder.ts';
import { newOwner } from '../secure-boot/owners.ts';
import { captureOutput } from './captured-output.ts';

const PROJECT = resolve(import.meta.dirname, '../../..');
const text = readFileSync(join(PROJECT, 'docs/secure-boot.md'), 'utf8');
const [make = '', build = '', command = ''] = [...text.matchAll(/```sh\n([\s\S]*?)```/g)].map(
  ([, block = '']) => block,
);
const { signal } = new AbortController();
const output = captureOutput();
const bytes = Buffer.from('what is signed');

test('a key made by docs/secure-boot.md signs from its file and by the page’s command, and its certificate can be read without the private key', async () => {
  const folder = await temporaryFolder();
  await execa('bash', ['-euc', make], { cwd: folder });
  const secureBoot = join(folder, 'keys');
  const owner = await openOwnerKey({ secureBoot }, signal);
  const signature = await owner?.sign(bytes);
  expect(owner?.certificate.toString('latin1')).toContain('Example Ltd Secure Boot');

  const key = join(secureBoot, 'db.key');
  const [, signer = ''] = /SECURE_BOOT_SIGNER='(.*)'/.exec(command) ?? [];
  expect(signer).toContain('/media/stick/db.key');
  const secureBootSigner = signer.replace('/media/stick/db.key', key);
  const byCommand = await openOwnerKey({ secureBoot, secureBootSigner }, signal);
  expect(await byCommand?.sign(bytes)).toEqual(signature);

  await rm(key);
  expect((await readOwner({ secureBoot }))?.certificate).toEqual(owner?.certificate);
  await expect(openOwnerKey({ secureBoot }, signal)).rejects.toThrow(
    /cannot be read \(.*db\.key\)/,
  );
});

test('make passes on the variables of docs/secure-boot.md', async () => {
  // A separate make, even if make runs these tests.
  const stub =
    'make() { env -u MAKEFLAGS -u MAKELEVEL make -n --old-file=node_modules/.ready "$@"; }';
  const run = async (block: string) => {
    const { stdout } = await execa('bash', ['-euc', `${stub}\n${block}`], { cwd: PROJECT });
    return stdout.replaceAll(/\s+/g, ' ');
  };
  expect(await run(build)).toMatch(/ iso --base auto --profile qvdc --secure-boot keys *$/);
  expect(await run(command)).toMatch(
    / --secure-boot keys --secure-boot-signer "\$SECURE_BOOT_SIGNER" *$/,
  );
});

describe('a signer that cannot work is an error before anything is built', () => {
  test('a key that does not belong to the certificate', async () => {
    const [{ folder: secureBoot }, other] = [await newOwner(), await newOwner()];
    await writeFile(join(secureBoot, 'db.key'), await readFile(join(other.folder, 'db.key')));
    await expect(openOwnerKey({ secureBoot }, signal)).rejects.toThrow(
      /not a signature by the key of .*db\.crt \(.*db\.key\)/,
    );
  });

  test('a key with a passphrase, with a fix', async () => {
    const { folder: secureBoot } = await newOwner();
    const key = join(secureBoot, 'db.key');
    const args = ['pkcs8', '-topk8', '-in', key, '-passout', 'pass:x'];
    await writeFile(key, (await execa('openssl', args)).stdout);
    await expect(openOwnerKey({ secureBoot }, signal)).rejects.toThrow(
      /has a passphrase .*--secure-boot-signer 'openssl dgst/,
    );
  });

  test('a file that is not a key', async () => {
    const { folder: secureBoot } = await newOwner();
    await writeFile(join(secureBoot, 'db.key'), 'no key');
    await expect(openOwnerKey({ secureBoot }, signal)).rejects.toThrow(/not a private key in PEM/);
  });

  test('a command that fails, with its output and without the command', async () => {
    const { folder: secureBoot } = await newOwner();
    const secureBootSigner = 'echo no token >&2; exit 3 # secret';
    const told = openOwnerKey({ secureBoot, secureBootSigner }, signal);
    await expect(told).rejects.toThrow(/the command of --secure-boot-signer.*no token/s);
    await expect(told).rejects.not.toThrow(/secret/);
  });

  test.each([
    [['--secure-boot', 'keys', '--arch', 'arm64'], '--secure-boot is for x86_64 only'],
    [['--secure-boot-signer', 'x'], 'secure-boot-signer -> secure-boot'],
  ])('options %j', async (options, told) => {
    expect(await main(['iso', ...options])).toBe(2);
    expect(output.complained).toContain(told);
  });
});
