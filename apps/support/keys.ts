import { open, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { type PublicKey, parsePublicKeys } from '../services/public-key.ts';
import { StickError, withStick } from './stick-mount.ts';

/** Maximum number of bytes that are read from a file of keys, and of such files. */
const MOST_BYTES = 65_536;
const MOST_FILES = 64;

/** Reads the public keys on a stick: from `authorized_keys` and files named `*.pub` in its top folder. */
export async function readKeysOnStick(device: string, signal: AbortSignal): Promise<PublicKey[]> {
  const keys = await withStick({ device, access: 'ro', signal }, readKeysInFolder);
  if (keys.length > 0) return keys;
  throw new StickError({
    what: 'there is no public key',
    where: device,
    fix: 'Put authorized_keys, or files called *.pub, into the top folder of the stick.',
  });
}

/** Reads the public keys in the files of a folder, each key once. */
export async function readKeysInFolder(folder: string): Promise<PublicKey[]> {
  const entries = await readdir(folder, { withFileTypes: true });
  const names = entries
    .filter((entry) => entry.isFile() && /^authorized_keys(\.txt)?$|\.pub$/i.test(entry.name))
    .map(({ name }) => name)
    .sort()
    .slice(0, MOST_FILES);
  const found = new Map<string, PublicKey>();
  for (const name of names) {
    for (const key of parsePublicKeys(await readHead(join(folder, name)))) {
      if (!found.has(key.fingerprint)) found.set(key.fingerprint, key);
    }
  }
  return [...found.values()];
}

async function readHead(file: string): Promise<string> {
  await using opened = await open(file, 'r');
  const { buffer, bytesRead } = await opened.read(Buffer.alloc(MOST_BYTES), 0, MOST_BYTES, 0);
  return buffer.subarray(0, bytesRead).toString('utf8');
}
