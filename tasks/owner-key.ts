import { createPrivateKey } from 'node:crypto';
import { join } from 'node:path';
import type { Argv } from 'yargs';
import { DEFAULT_ARCHITECTURE } from '../build/architecture.ts';
import { BuildError } from '../build/error.ts';
import { isEncrypted } from '../build/release/keys.ts';
import {
  makeOwnerKey,
  makeRsaSigner,
  type OwnerKey,
  type OwnerSigner,
} from '../build/secure-boot/owner-key.ts';
import { requireOnce } from './commands/define.ts';

/** Files in the folder of an owner's key, named after the firmware variable `db`. */
const [CERTIFICATE, KEY] = ['db.crt', 'db.key'];

const COMMAND = 'the command of --secure-boot-signer';

/** Values of the options of `addOwnerOptions`. */
export interface OwnerChoice {
  secureBoot?: string | undefined;
  secureBootSigner?: string | undefined;
}

/** Adds the options of commands that plan or build images with an owner's key. */
export function addOwnerOptions<Options>(yargs: Argv<Options>) {
  return yargs
    .option('secure-boot', {
      type: 'string',
      describe: `Folder with your ${CERTIFICATE} and ${KEY}: firmware with this key starts the image, and nothing that was changed in it (docs/secure-boot.md)`,
    })
    .option('secure-boot-signer', {
      type: 'string',
      describe: `Shell command that signs in place of ${KEY}: bytes on its standard input, RSA (PKCS #1 v1.5, SHA-256) on its output`,
    })
    .implies('secure-boot-signer', 'secure-boot')
    .check(requireOnce('secure-boot', 'secure-boot-signer'))
    .check(
      ({ secureBoot, ...others }) =>
        secureBoot === undefined ||
        ('arch' in others && others.arch === DEFAULT_ARCHITECTURE) ||
        `--secure-boot is for ${DEFAULT_ARCHITECTURE} only`,
    );
}

/**
 * Opens the owner's key that the options name, if any.
 * @throws BuildError or ExplainedError if it cannot sign: a file is missing or not a key, or key and certificate do not
 *   match
 */
export async function openOwnerKey(
  { secureBoot, secureBootSigner: command }: OwnerChoice,
  signal: AbortSignal,
): Promise<OwnerKey | undefined> {
  if (secureBoot === undefined) return undefined;
  // Loaded only here, because it loads the code that starts programs.
  const { readKeyText, signByCommand } = await import('./signer.ts');
  const file = join(secureBoot, CERTIFICATE);
  const signer: OwnerSigner =
    command === undefined
      ? await readSecret(join(secureBoot, KEY))
      : {
          name: COMMAND,
          sign: (bytes) => signByCommand(command, bytes, { name: COMMAND, signal }),
        };
  const owner = makeOwnerKey(await readKeyText(file), file, signer);
  // Reports a key that does not fit before the first step runs.
  await owner.sign(owner.certificate);
  return owner;
}

/** Like `openOwnerKey`, for plans only: reads no private key, and cannot sign. */
export async function readOwner({ secureBoot }: OwnerChoice): Promise<OwnerKey | undefined> {
  if (secureBoot === undefined) return undefined;
  const { readKeyText } = await import('./signer.ts');
  const file = join(secureBoot, CERTIFICATE);
  const sign = () => Promise.reject(new Error('nothing is signed where images are only planned'));
  return makeOwnerKey(await readKeyText(file), file, { name: 'nobody', sign });
}

async function readSecret(file: string): Promise<OwnerSigner> {
  const { readKeyText } = await import('./signer.ts');
  const text = await readKeyText(file);
  if (isEncrypted(text)) {
    throw new BuildError({
      what: 'the key has a passphrase',
      where: file,
      fix: `Have a program that knows it sign: --secure-boot-signer 'openssl dgst -sha256 -sign ${file} -passin file:…'`,
    });
  }
  try {
    return makeRsaSigner(createPrivateKey(text), file);
  } catch (cause) {
    throw new BuildError({
      what: 'this is not a private key in PEM',
      where: file,
      fix: 'Make key and certificate as docs/secure-boot.md says.',
      cause,
    });
  }
}
