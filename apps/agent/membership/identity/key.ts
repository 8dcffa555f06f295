import { createPrivateKey, createPublicKey, generateKeyPair, type KeyObject } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { readIfThere, setAside, writeDurably } from '../../../files/durable-file.ts';
import { deriveNodeId } from '../../../proto/names.ts';

/** A node's own key; it never leaves the node. */
export interface NodeKey {
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
  /** See `apps/proto/names.ts`. */
  readonly nodeId: string;
}

/**
 * Reads `node.key` (ECDSA on P-256, PKCS #8 in PEM); makes it, readable for root only, if it is missing. A file that
 * cannot be parsed is set aside, and the node gets a new identity.
 * @param log receives a line for a person when that happens
 */
export async function loadKey(folder: string, log: (line: string) => void): Promise<NodeKey> {
  const file = join(folder, 'node.key');
  const text = await readIfThere(file);
  if (text !== undefined) {
    const key = parseKey(text);
    if (key !== undefined) return key;
    const aside = await setAside(file);
    log(
      `${file} is not a private key on P-256: set aside as ${aside}, a new one is made; the node must join again`,
    );
  }
  return makeKey(folder, file);
}

async function makeKey(folder: string, file: string): Promise<NodeKey> {
  const pair = await promisify(generateKeyPair)('ec', { namedCurve: 'P-256' });
  const pem = pair.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await writeDurably(file, pem, 0o600);
  return { ...pair, nodeId: deriveNodeId(pair.publicKey) };
}

function parseKey(pem: string): NodeKey | undefined {
  let privateKey: KeyObject;
  try {
    privateKey = createPrivateKey(pem);
  } catch {
    return undefined;
  }
  if (privateKey.asymmetricKeyDetails?.namedCurve !== 'prime256v1') return undefined;
  const publicKey = createPublicKey(privateKey);
  return { privateKey, publicKey, nodeId: deriveNodeId(publicKey) };
}
