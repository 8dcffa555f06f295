import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { rm, writeFile } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { BuildError } from '../../build/error.ts';
import { errorCode } from '../../build/process/errno.ts';
import { computeKeyId } from '../../build/release/keys.ts';
import { formatMinisignPublicKey } from '../../build/release/minisign.ts';
import { formatAllowedSigner } from '../../build/release/ssh-signature.ts';
import { readKeyText, readPublicKeyFile, readSigner } from '../signer.ts';
import { readPassphrase } from '../ui/passphrase.ts';
import { defineCommand, requireOnce } from './define.ts';

const EPILOGUE = `new writes the private key, release.key, for its owner only, and beside it the public one, release.pem.
Put public keys into a folder and build with it: such images take updates that one of these keys has signed.

  qx-build key new release.key
  mkdir release-keys && cp release.pem release-keys/2026.pem
  make iso RELEASE=1 RELEASE_KEYS=release-keys
  qx-build release-tree --key release.key dist/*.iso`;

/** Cipher of private key files, supported by every OpenSSL of recent years. */
const CIPHER = 'aes-256-cbc';

/** `qx-build key`: generates key pairs for signing releases, and shows public keys. */
export const keyCommand = defineCommand({
  command: 'key <action> <file>',
  describe: 'Make a key that signs releases, or show its public key',
  builder: (yargs) =>
    yargs
      .positional('action', {
        choices: ['new', 'show'] as const,
        demandOption: true,
        describe: 'What to do',
      })
      .positional('file', {
        type: 'string',
        demandOption: true,
        describe: 'The private key, *.key; show takes a public one, too: PEM, minisign’s or SSH’s',
      })
      .option('passphrase-file', {
        type: 'string',
        describe: 'File with the passphrase of the private key in its first line',
        defaultDescription: 'it is asked for',
      })
      .option('plain', {
        type: 'boolean',
        describe: 'Make a private key without passphrase: whoever has the file can sign',
      })
      .option('as', {
        choices: ['pem', 'minisign', 'ssh'] as const,
        describe: 'Show just this form: for minisign -p, or an allowed signer of ssh-keygen',
        defaultDescription: 'all',
      })
      .check(requireOnce('passphrase-file', 'as'))
      .check(({ action, as }) => as === undefined || action === 'show' || '--as is for show')
      .conflicts('plain', 'passphrase-file')
      .epilogue(EPILOGUE),
  paths: ({ action, file, passphraseFile }) => ({
    reads: [...(action === 'show' ? [file] : []), passphraseFile].filter(
      (path) => path !== undefined,
    ),
    writes: action === 'new' ? [dirname(file)] : [],
  }),
  handler: async ({ action, file, passphraseFile, plain, as: form }, { output, signal }) => {
    if (action === 'show') {
      const key = await publicKeyIn(file, { file: passphraseFile, signal });
      output.say(form === undefined ? describe(key) : FORMS[form](key).trimEnd());
      return;
    }
    const passphrase =
      plain === true
        ? undefined
        : await newPassphrase(basename(file), { file: passphraseFile, signal });
    const { pem, key } = await makePair(file, passphrase);
    output.say(`${file}: the private key. Keep it where nobody else gets at it, and a copy of it.`);
    output.say(`${pem}: the public key\n${describe(key)}`);
  },
});

async function publicKeyIn(
  file: string,
  from: { file: string | undefined; signal: AbortSignal },
): Promise<KeyObject> {
  const isPrivate = (await readKeyText(file)).includes('PRIVATE KEY-----');
  return (isPrivate ? await readSigner(file, from) : await readPublicKeyFile(file)).key;
}

async function newPassphrase(
  name: string,
  from: { file: string | undefined; signal: AbortSignal },
): Promise<string> {
  const first = await readPassphrase(`Passphrase for ${name}`, from);
  if (from.file !== undefined) return first;
  if ((await readPassphrase('Repeat the passphrase', from)) === first) return first;
  throw new BuildError({ what: 'the two passphrases differ', fix: 'Type the same twice.' });
}

/** Generates a pair of keys, and writes both; refuses to replace a file. */
async function makePair(
  file: string,
  passphrase: string | undefined,
): Promise<{ pem: string; key: KeyObject }> {
  if (!file.endsWith('.key')) {
    throw new BuildError({ what: 'the name of a private key ends in .key', where: file });
  }
  const pem = file.replace(/\.key$/, '.pem');
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  const secret = privateKey.export({
    type: 'pkcs8',
    format: 'pem',
    ...(passphrase === undefined ? {} : { cipher: CIPHER, passphrase }),
  });
  await writeNew(file, secret, 0o600);
  try {
    await writeNew(pem, publicPem(publicKey), 0o644);
  } catch (error) {
    // Otherwise it would remain beside the public key of another pair, and sign what no host accepts.
    await rm(file, { force: true });
    throw error;
  }
  return { pem, key: publicKey };
}

function publicPem(key: KeyObject): string {
  return key.export({ type: 'spki', format: 'pem' }).toString();
}

/** Formats of a public key for other programs. */
const FORMS = {
  pem: publicPem,
  minisign: formatMinisignPublicKey,
  ssh: (key: KeyObject) => `${formatAllowedSigner(key)}\n`,
} as const;

/** Formats a public key in all formats for people. */
function describe(key: KeyObject): string {
  const [, minisign] = formatMinisignPublicKey(key).split('\n');
  const lines = [
    `SHA-256 ${computeKeyId(key)}`,
    `minisign ${minisign}`,
    `ssh ${formatAllowedSigner(key)}`,
  ];
  return publicPem(key) + lines.join('\n');
}

async function writeNew(path: string, text: string | Buffer, mode: number): Promise<void> {
  try {
    await writeFile(path, text, { mode, flag: 'wx', flush: true });
  } catch (cause) {
    const isThere = errorCode(cause) === 'EEXIST';
    // On a full disk, an empty file would remain, and keep the next try from using the name.
    if (!isThere) await rm(path, { force: true }).catch(() => undefined);
    throw new BuildError({
      what: isThere ? 'there is a file already' : 'it cannot be written',
      where: path,
      fix: 'Choose another name: what the key of that name has signed could not be followed up.',
      cause,
    });
  }
}
