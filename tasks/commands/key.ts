import { createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { BuildError } from '../../build/error.ts';
import { errorCode } from '../../build/process/errno.ts';
import { isEncrypted, readPrivateKey, readPublicKey } from '../../build/release/keys.ts';
import { readPassphrase } from '../ui/passphrase.ts';
import { givenOnce } from './context.ts';
import { defineCommand } from './define.ts';

const EPILOGUE = `new writes the private key, release.key, for its owner only, and beside it the public one, release.pem.
Put public keys into a folder and build with it: such images take updates that one of these keys has signed.

  qx-build key new release.key
  mkdir release-keys && cp release.pem release-keys/2026.pem
  make iso RELEASE=1 RELEASE_KEYS=release-keys
  qx-build release-tree --key release.key dist/*.iso`;

/** Cipher of private keys in files: what every OpenSSL of the last years opens. */
const CIPHER = 'aes-256-cbc';

/** `qx-build key`: makes a pair of keys by which releases are signed, and shows a public one. */
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
        describe: 'The private key, *.key; show takes a public one, *.pem, too',
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
      .check(givenOnce('passphrase-file'))
      .conflicts('plain', 'passphrase-file')
      .epilogue(EPILOGUE),
  paths: ({ action, file, passphraseFile }) => ({
    reads: [...(action === 'show' ? [file] : []), passphraseFile].filter(
      (path) => path !== undefined,
    ),
    writes: action === 'new' ? [dirname(file)] : [],
  }),
  handler: async ({ action, file, passphraseFile, plain }, { output, signal }) => {
    if (action === 'show') {
      const { id, pem } = await publicKeyIn(file, { file: passphraseFile, signal });
      output.say(`${pem}SHA-256 ${id}`);
      return;
    }
    const passphrase =
      plain === true
        ? undefined
        : await newPassphrase(basename(file), { file: passphraseFile, signal });
    const { pem, id } = await makePair(file, passphrase);
    output.say(`${file}: the private key. Keep it where nobody else gets at it, and a copy of it.`);
    output.say(`${pem}: the public key, SHA-256 ${id}`);
  },
});

/** A private key that signs, from its file; its passphrase is asked for where it has one. */
export async function readSigner(
  file: string,
  from: { file: string | undefined; signal: AbortSignal },
): Promise<KeyObject> {
  const text = await textOf(file);
  const passphrase = isEncrypted(text)
    ? await readPassphrase(`Passphrase of ${file}`, from)
    : undefined;
  return readPrivateKey(text, { passphrase, where: file });
}

async function publicKeyIn(
  file: string,
  from: { file: string | undefined; signal: AbortSignal },
): Promise<{ id: string; pem: string }> {
  const text = await textOf(file);
  const pem = text.includes('PRIVATE KEY-----') ? publicPem(await readSigner(file, from)) : text;
  const { id, key } = readPublicKey(pem, basename(file), file);
  return { id, pem: key.export({ type: 'spki', format: 'pem' }).toString() };
}

async function newPassphrase(
  name: string,
  from: { file: string | undefined; signal: AbortSignal },
): Promise<string> {
  const first = await readPassphrase(`Passphrase for ${name}`, from);
  if (from.file !== undefined) return first;
  if ((await readPassphrase('The same once more', from)) === first) return first;
  throw new BuildError({ what: 'the two passphrases differ', fix: 'Type the same twice.' });
}

/** Writes both keys; neither replaces a file. */
async function makePair(
  file: string,
  passphrase: string | undefined,
): Promise<{ pem: string; id: string }> {
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
  const text = publicKey.export({ type: 'spki', format: 'pem' }).toString();
  await writeNew(pem, text, 0o644);
  return { pem, id: readPublicKey(text, pem, pem).id };
}

function publicPem(key: KeyObject): string {
  return createPublicKey(key).export({ type: 'spki', format: 'pem' }).toString();
}

async function writeNew(path: string, text: string | Buffer, mode: number): Promise<void> {
  try {
    await writeFile(path, text, { mode, flag: 'wx', flush: true });
  } catch (cause) {
    throw new BuildError({
      what: errorCode(cause) === 'EEXIST' ? 'there is a file already' : 'it cannot be written',
      where: path,
      fix: 'Choose another name: what the key of that name has signed could not be followed up.',
      cause,
    });
  }
}

async function textOf(path: string): Promise<string> {
  return readFile(path, 'utf8').catch((cause: unknown) => {
    throw new BuildError({ what: 'the key cannot be read', where: path, cause });
  });
}
