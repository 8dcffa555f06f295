import { createPublicKey, type KeyObject } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { BuildError } from '../../../error.ts';

/** Trusted keys: file name of the key, as signatures refer to it → public key. */
export type TrustedKeys = ReadonlyMap<string, KeyObject>;

/**
 * Reads trusted keys from texts.
 * @param texts file name (`alpine-devel@lists.alpinelinux.org-616ae350.rsa.pub`) → PEM SubjectPublicKeyInfo
 * @throws BuildError naming a key that is not an RSA public key
 */
export function readTrustedKeys(
  texts: Iterable<readonly [name: string, pem: string]>,
): TrustedKeys {
  return new Map([...texts].map(([name, pem]) => [name, rsaKey(pem, name)]));
}

/**
 * Reads trusted keys from a folder such as `/etc/apk/keys`: all files `*.pub`. Public keys other than RSA are skipped,
 * because nothing in format v2 is signed with them.
 * @param say receives a line for each skipped key
 * @throws BuildError if the folder cannot be read, has no RSA key, or a file in it is not a key
 */
export async function readKeys(folder: string, say?: (line: string) => void): Promise<TrustedKeys> {
  const names = (await namesIn(folder)).filter((name) => name.endsWith('.pub')).sort();
  const keys = new Map<string, KeyObject>();
  for (const name of names) {
    const key = publicKey(await readFile(join(folder, name), 'utf8'), name);
    if (key.asymmetricKeyType === 'rsa') keys.set(name, key);
    else say?.(`${join(folder, name)} is ignored: ${kindOf(key)}, and v2 is signed with RSA`);
  }
  if (keys.size > 0) return keys;
  throw new BuildError({
    what: names.length === 0 ? 'there is no key' : `there is no RSA key, only ${names.join(', ')}`,
    where: folder,
    fix: 'Put the public keys of the repositories there, under their names (`*.rsa.pub`).',
  });
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
  const key = publicKey(pem, name);
  if (key.asymmetricKeyType === 'rsa') return key;
  throw notAKey(name, kindOf(key));
}

function publicKey(pem: string, name: string): KeyObject {
  try {
    return createPublicKey(pem);
  } catch (cause) {
    throw notAKey(name, 'it is not a public key in PEM', cause);
  }
}

function kindOf({ asymmetricKeyType }: KeyObject): string {
  return `it is a key of kind ${asymmetricKeyType ?? 'unknown'}`;
}

function notAKey(name: string, why: string, cause?: unknown): BuildError {
  return new BuildError({
    what: `${why}, and an RSA public key is needed`,
    where: name,
    fix: 'Remove the file, or fetch the key again.',
    cause,
  });
}
