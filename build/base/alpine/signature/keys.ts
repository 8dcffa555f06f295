import { createPublicKey, type KeyObject } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { BuildError } from '../../../error.ts';

/** Keys whose signatures are believed: file name of the key, as signatures name it → public key. */
export type TrustedKeys = ReadonlyMap<string, KeyObject>;

/**
 * Reads trusted keys from texts.
 * @param texts file name (`alpine-devel@lists.alpinelinux.org-616ae350.rsa.pub`) → PEM SubjectPublicKeyInfo
 * @throws BuildError naming a key that is not an RSA public key
 */
export function trustedKeys(texts: Iterable<readonly [name: string, pem: string]>): TrustedKeys {
  return new Map([...texts].map(([name, pem]) => [name, rsaKey(pem, name)]));
}

/**
 * Reads trusted keys from a folder such as `/etc/apk/keys`: all its files `*.pub`.
 * @throws BuildError if the folder cannot be read, has no key, or a file of it is none
 */
export async function readKeys(folder: string): Promise<TrustedKeys> {
  const names = (await namesIn(folder)).filter((name) => name.endsWith('.pub')).sort();
  if (names.length === 0) {
    throw new BuildError({
      what: 'there is no key',
      where: folder,
      fix: 'Put the public keys of the repositories there, under their names (`*.rsa.pub`).',
    });
  }
  const read = async (name: string) => [name, await readFile(join(folder, name), 'utf8')] as const;
  return trustedKeys(await Promise.all(names.map(read)));
}

async function namesIn(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (cause) {
    throw new BuildError({
      what: 'the folder of trusted keys cannot be read',
      where: folder,
      fix: 'Name a folder with the public keys of the repositories.',
      cause,
    });
  }
}

function rsaKey(pem: string, name: string): KeyObject {
  try {
    const key = createPublicKey(pem);
    if (key.asymmetricKeyType === 'rsa') return key;
  } catch (cause) {
    throw notAKey(name, cause);
  }
  throw notAKey(name);
}

function notAKey(name: string, cause?: unknown): BuildError {
  return new BuildError({
    what: 'it is not an RSA public key in PEM',
    where: name,
    fix: 'Remove the file, or fetch the key again.',
    cause,
  });
}
