import type { KeyObject } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { basename, join } from 'node:path';
import { getCACertificates } from 'node:tls';
import { addLogIn, readLogInFile } from '../cache/log-ins.ts';
import { BuildError } from '../error.ts';
import type { Environment } from '../process/environment.ts';
import {
  derivePublicKey,
  isEncrypted,
  readPrivateKey,
  readTrustedKeys,
  type TrustedKey,
} from '../release/keys.ts';

/** Settings of a remote cache. */
export interface RemoteCacheSettings {
  /** Its address without a trailing slash; with name and password if it requires them. */
  address: string;
  /** Keys whose results are trusted; at least one. */
  trusted: readonly TrustedKey[];
  /** Key that signs uploaded results; nothing is uploaded if absent. */
  signer?: KeyObject | undefined;
  /** Certificates of trusted authorities, PEM; those of Node if absent. */
  authorities?: readonly string[] | undefined;
}

/** Variables whose values are paths. */
export const REMOTE_CACHE_PATHS = [
  'QUANTIX_REMOTE_CACHE_KEYS',
  'QUANTIX_REMOTE_CACHE_KEY',
  'QUANTIX_REMOTE_CACHE_CA',
] as const;

/** Variables about the remote cache. */
export const REMOTE_CACHE_VARIABLES = [
  'QUANTIX_REMOTE_CACHE',
  'QUANTIX_REMOTE_CACHE_WRITE',
  ...REMOTE_CACHE_PATHS,
] as const;

/**
 * Reads the settings of the remote cache from the environment: `QUANTIX_REMOTE_CACHE` is its address, `…_KEYS` a folder
 * with the trusted public keys (`*.pem`), `…_KEY` a file with this builder's private key, `…_WRITE=yes` allows uploads,
 * `…_CA` is a file with certificates of authorities. Name and password are those in the address, else in `$NETRC` or
 * `~/.netrc`.
 * @returns `undefined` if there is no address
 * @throws ExplainedError if a setting is wrong: otherwise nobody would notice that the cache is not used
 */
export async function readRemoteCacheSettings(
  environment: Environment = process.env,
): Promise<RemoteCacheSettings | undefined> {
  const set = (name: (typeof REMOTE_CACHE_VARIABLES)[number]) => environment[name] || undefined;
  const text = set('QUANTIX_REMOTE_CACHE');
  if (text === undefined) return undefined;
  const address = addLogIn(readAddress(text), readLogInFile(logInFile(environment)));
  const writes = readAnswer(set('QUANTIX_REMOTE_CACHE_WRITE'), 'QUANTIX_REMOTE_CACHE_WRITE');
  const [folder, file] = [set('QUANTIX_REMOTE_CACHE_KEYS'), set('QUANTIX_REMOTE_CACHE_KEY')];
  const own = file === undefined ? undefined : await readOwnKey(file);
  const others = folder === undefined ? [] : await readTrustedKeys(folder);
  if (folder !== undefined && others.length === 0) {
    throw new BuildError({
      what: 'there is no public key, *.pem',
      where: `QUANTIX_REMOTE_CACHE_KEYS=${folder}`,
      fix: 'Make a pair with qx-build key new, and put the public key there.',
    });
  }
  // This builder's key may also be in the folder of trusted keys, under a name chosen by its owner.
  const known = own !== undefined && others.some(({ id }) => id === own.trusted.id);
  const trusted = own === undefined || known ? others : [...others, own.trusted];
  if (trusted.length === 0) {
    throw new BuildError({
      what: 'no key is trusted, so no result can be taken from the remote cache',
      where: 'QUANTIX_REMOTE_CACHE',
      fix: 'Set QUANTIX_REMOTE_CACHE_KEYS to a folder with the public key of who fills it.',
    });
  }
  if (writes && own === undefined) {
    throw new BuildError({
      what: 'results are to be uploaded to the remote cache, but there is no key to sign them with',
      where: 'QUANTIX_REMOTE_CACHE_WRITE',
      fix: 'Set QUANTIX_REMOTE_CACHE_KEY to the file of a private key: qx-build key new --plain',
    });
  }
  const authorities = await readAuthorities(set('QUANTIX_REMOTE_CACHE_CA'));
  return { address, trusted, authorities, ...(writes && { signer: own?.key }) };
}

/** Returns the file with names and passwords: `$NETRC`, else `~/.netrc`. */
export function logInFile({ NETRC: file, HOME: home }: Environment): string {
  return file || join(home || homedir(), '.netrc');
}

function readAddress(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const isHttp = url?.protocol === 'http:' || url?.protocol === 'https:';
  if (url !== undefined && isHttp && url.search === '' && url.hash === '') {
    return url.href.replace(/\/+$/, '');
  }
  throw new BuildError({
    what: 'this is not the address of a remote cache',
    // The message does not show the value, which may contain a password.
    where: 'QUANTIX_REMOTE_CACHE',
    fix: 'Write it as https://host/ or https://host/folder.',
  });
}

function readAnswer(text: string | undefined, where: string): boolean {
  if (text === undefined || text === 'no') return false;
  if (text === 'yes') return true;
  const what = `${JSON.stringify(text)} is neither yes nor no`;
  throw new BuildError({ what, where, fix: 'Write yes or no.' });
}

async function readOwnKey(file: string): Promise<{ key: KeyObject; trusted: TrustedKey }> {
  const where = `QUANTIX_REMOTE_CACHE_KEY=${file}`;
  const text = await textOf(file, 'the key of the remote cache cannot be read', where);
  if (isEncrypted(text)) {
    throw new BuildError({
      what: 'the key of the remote cache has a passphrase, and nobody is there to type it',
      where,
      fix: 'Make one without: qx-build key new --plain FILE.key',
    });
  }
  const key = readPrivateKey(text, { where });
  return { key, trusted: derivePublicKey(key, basename(file).replace(/\.key$/, '')) };
}

async function readAuthorities(file: string | undefined): Promise<string[] | undefined> {
  if (file === undefined) return undefined;
  const where = `QUANTIX_REMOTE_CACHE_CA=${file}`;
  const text = await textOf(file, 'the certificates of authorities cannot be read', where);
  if (!text.includes('-----BEGIN CERTIFICATE-----')) {
    const what = 'there is no certificate in PEM';
    throw new BuildError({ what, where, fix: 'Name the file of an authority: *.pem.' });
  }
  return [...getCACertificates('default'), text];
}

function textOf(file: string, what: string, where: string): Promise<string> {
  return readFile(file, 'utf8').catch((cause: unknown) => {
    throw new BuildError({ what, where, cause });
  });
}
