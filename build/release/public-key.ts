import type { KeyObject } from 'node:crypto';
import { keyIdOf, readPublicKey, type TrustedKey } from './keys.ts';
import { readMinisignPublicKey } from './minisign.ts';
import { readSshKeyLine } from './ssh-key.ts';

/**
 * Reads a public key, Ed25519, in any form in which it is published: PEM, a file or line of minisign, or a line
 * of SSH, also as an allowed signer.
 * @param name what people call it
 * @param where its file, for errors
 * @throws ExplainedError if it is none
 */
export function readAnyPublicKey(text: string, name: string, where: string): TrustedKey {
  const named = (key: KeyObject) => ({ name, id: keyIdOf(key), key });
  const ssh = text.replace(/^\S+ (?:namespaces="file" )?(?=ssh-)/, '');
  if (/^(?:ssh|ecdsa|sk)-/.test(ssh)) return named(readSshKeyLine(ssh, where));
  const key = readMinisignPublicKey(text);
  return key === undefined ? readPublicKey(text, name, where) : named(key);
}
