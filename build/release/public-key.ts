import type { KeyObject } from 'node:crypto';
import { computeKeyId, readPublicKey, type TrustedKey } from './keys.ts';
import { readMinisignPublicKey } from './minisign.ts';
import { readSshKeyLine } from './ssh-key.ts';

/**
 * Reads an Ed25519 public key in any format in which it is published: PEM; a key file of minisign, or only its second
 * line; or a line of SSH, also from a file of allowed signers.
 * @param name name shown to people
 * @param where its file, for errors
 * @throws ExplainedError if it is in another format
 */
export function readAnyPublicKey(text: string, name: string, where: string): TrustedKey {
  const named = (key: KeyObject) => ({ name, id: computeKeyId(key), key });
  const ssh = text.replace(/^\S+ (?:namespaces="file" )?(?=ssh-)/, '');
  if (/^(?:ssh|ecdsa|sk)-/.test(ssh)) return named(readSshKeyLine(ssh, where));
  const key = readMinisignPublicKey(text);
  return key === undefined ? readPublicKey(text, name, where) : named(key);
}
