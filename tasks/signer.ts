import type { KeyObject } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { ExecaError, execa } from 'execa';
import type { Argv } from 'yargs';
import { BuildError } from '../build/error.ts';
import { KILL_AFTER, superviseGroup } from '../build/process/child-group.ts';
import { makeCallerEnvironment } from '../build/process/environment.ts';
import { explainChildFailure } from '../build/process/run.ts';
import { isEncrypted, readPrivateKey, type TrustedKey } from '../build/release/keys.ts';
import { readAnyPublicKey } from '../build/release/public-key.ts';
import { makeKeySigner, SIGNATURE_BYTES, type Signer } from '../build/release/signer.ts';
import { makeAgentSigner } from '../build/release/ssh-agent.ts';
import { readPassphrase } from './ui/passphrase.ts';

/** Name of a signing command in messages. */
const COMMAND = 'the command of --signer';

/** Maximum number of bytes that a command may write; a signature has 64. */
const LONGEST_ANSWER = 64 * 1024;

/** The choice of a signer, in the options of `addSignerOptions`. */
export interface SignerChoice {
  key?: string | undefined;
  passphraseFile?: string | undefined;
  sshAgent?: boolean | undefined;
  signer?: string | undefined;
  publicKey?: string | undefined;
}

/** Names of the options that may be given only once. */
export const SIGNER_OPTIONS = ['key', 'passphrase-file', 'signer', 'public-key'] as const;

/** Adds the options of all commands that can sign, but need not. */
export function addOptionalSignerOptions<Options>(yargs: Argv<Options>) {
  return yargs
    .option('key', { type: 'string', describe: 'Private key that signs (qx-build key new)' })
    .option('passphrase-file', {
      type: 'string',
      describe: 'File with its passphrase in the first line',
      defaultDescription: 'it is asked for',
    })
    .option('ssh-agent', {
      type: 'boolean',
      describe: 'Sign with a key, Ed25519, that the agent at SSH_AUTH_SOCK has',
    })
    .option('signer', {
      type: 'string',
      describe: 'Shell command that signs: bytes on its standard input, Ed25519 on its output',
    })
    .option('public-key', {
      type: 'string',
      describe: 'Public key of the agent or command; an agent with one key needs none',
    })
    .conflicts({ key: ['ssh-agent', 'signer', 'public-key'], signer: ['ssh-agent'] })
    .conflicts('passphrase-file', ['ssh-agent', 'signer'])
    .check(({ key, passphraseFile, sshAgent, signer, publicKey }) => {
      if (signer !== undefined && publicKey === undefined) {
        return '--signer needs --public-key FILE, by which its signatures are checked';
      }
      const more = passphraseFile !== undefined || publicKey !== undefined;
      return !more || isSignerChosen({ key, sshAgent: sshAgent === true, signer }) || WHO_SIGNS;
    });
}

const WHO_SIGNS = 'Who signs? Give --key FILE, --ssh-agent or --signer COMMAND';

/** Adds the options of all commands that sign. */
export function addSignerOptions<Options>(yargs: Argv<Options>) {
  return addOptionalSignerOptions(yargs).check(
    ({ key, sshAgent, signer }) =>
      isSignerChosen({ key, sshAgent: sshAgent === true, signer }) || WHO_SIGNS,
  );
}

/** Whether the options choose a signer. */
export function isSignerChosen({ key, sshAgent, signer }: SignerChoice): boolean {
  return key !== undefined || sshAgent === true || signer !== undefined;
}

/** Returns the files that the options name. */
export function listSignerPaths({ key, passphraseFile, publicKey }: SignerChoice): string[] {
  return [key, passphraseFile, publicKey].filter((path) => path !== undefined);
}

/**
 * Opens the signer that the options choose.
 * @throws BuildError or ExplainedError if that is impossible: no such file, no passphrase and no terminal, no such
 *   agent
 */
export async function openSigner(
  { key, passphraseFile, sshAgent, signer, publicKey }: SignerChoice,
  signal: AbortSignal,
): Promise<Signer> {
  if (key !== undefined) return readSigner(key, { file: passphraseFile, signal });
  const open = publicKey === undefined ? undefined : (await readPublicKeyFile(publicKey)).key;
  if (sshAgent === true) {
    return makeAgentSigner({ socket: process.env.SSH_AUTH_SOCK, key: open, signal });
  }
  if (signer !== undefined && open !== undefined) return makeCommandSigner(signer, open, signal);
  throw new Error('no option says who signs');
}

/** Reads a private key for signing from its file; asks for its passphrase if it has one. */
export async function readSigner(
  file: string,
  from: { file: string | undefined; signal: AbortSignal },
): Promise<Signer> {
  const text = await readKeyText(file);
  const passphrase = isEncrypted(text)
    ? await readPassphrase(`Passphrase of ${file}`, from)
    : undefined;
  return makeKeySigner(readPrivateKey(text, { passphrase, where: file }), file);
}

/** Reads a public key from a file, in any format of `qx-build key show`; its name is that of the file. */
export async function readPublicKeyFile(file: string): Promise<TrustedKey> {
  const name = basename(file).replace(/\.(pem|pub)$/, '');
  return readAnyPublicKey(await readKeyText(file), name, file);
}

/** Reads a key file as text. @throws BuildError if it cannot be read */
export async function readKeyText(path: string): Promise<string> {
  return readFile(path, 'utf8').catch((cause: unknown) => {
    throw new BuildError({ what: 'the key cannot be read', where: path, cause });
  });
}

/**
 * Makes a signer from a command: it gets the data on standard input and writes the 64 bytes of the signature, plain or
 * in Base64, to standard output.
 * @param command command for `sh -c`, run with the caller's environment; it is never printed, because it may contain a
 *   password
 */
export function makeCommandSigner(command: string, key: KeyObject, signal: AbortSignal): Signer {
  return {
    name: COMMAND,
    key,
    sign: async (bytes) =>
      signatureOf(await signByCommand(command, bytes, { name: COMMAND, signal })),
  };
}

/**
 * Signs with a command of the caller.
 * @param command command for `sh -c`, with the caller's environment; it appears in no message
 * @param bytes its standard input
 * @param name name of the command in messages
 * @returns its standard output
 * @throws BuildError if the command fails or writes too much; the signal's reason if it was aborted
 */
export async function signByCommand(
  command: string,
  bytes: Uint8Array,
  { name, signal }: { name: string; signal: AbortSignal },
): Promise<Uint8Array> {
  try {
    const child = execa('sh', ['-c', command], {
      ...{ env: makeCallerEnvironment(), extendEnv: false, cancelSignal: signal },
      ...{ detached: true, cleanup: false, forceKillAfterDelay: KILL_AFTER },
      input: bytes,
      encoding: 'buffer',
      // The last byte of a signature may be a line feed.
      ...{ stripFinalNewline: false, maxBuffer: LONGEST_ANSWER },
    });
    const { stdout } = await superviseGroup(child, signal);
    return stdout;
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof ExecaError)) throw error;
    const { exitCode, signal: ended }: ExecaError = error;
    const words: unknown = error.stderr;
    const stderr = words instanceof Uint8Array ? Buffer.from(words).toString('utf8') : '';
    // Not execa's own message, which contains the command.
    throw explainChildFailure(name, { exitCode, signal: ended, stderr, cause: undefined });
  }
}

/** Decodes the output of a command, plain or Base64; `signBy` checks that it is a signature. */
function signatureOf(written: Uint8Array): Uint8Array {
  if (written.length === SIGNATURE_BYTES) return written;
  const text = Buffer.from(written).toString('latin1').trim();
  const decoded = Buffer.from(text, 'base64');
  return decoded.toString('base64') === text ? decoded : written;
}
