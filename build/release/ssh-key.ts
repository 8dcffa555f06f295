import type { KeyObject } from 'node:crypto';
import { ExplainedError } from '../explained-error.ts';
import { encodeRawPublicKey, makePublicKey, PUBLIC_KEY_BYTES } from './keys.ts';
import { SIGNATURE_BYTES } from './signer.ts';
import { encodeSshString, SshReader } from './ssh-wire.ts';

// Ed25519 keys and signatures in SSH's formats: RFC 8709.

/** SSH's name of the key type. */
export const SSH_ED25519 = 'ssh-ed25519';

/** Encodes a public key. */
export function encodeSshKey(key: KeyObject): Buffer {
  return Buffer.concat([encodeSshString(SSH_ED25519), encodeSshString(encodeRawPublicKey(key))]);
}

/**
 * Decodes a public key.
 * @param where the key's source, for errors
 * @throws ExplainedError if it is malformed, or not an Ed25519 key
 */
export function readSshKey(bytes: Uint8Array, where: string): KeyObject {
  const reader = new SshReader(bytes, where);
  const kind = reader.text();
  if (kind !== SSH_ED25519) throw otherKind('key', kind, where);
  const raw = reader.string();
  reader.end();
  if (raw.length === PUBLIC_KEY_BYTES) return makePublicKey(raw);
  throw new ExplainedError({ what: `a key of ${raw.length} bytes is not Ed25519`, where });
}

/** Encodes the 64 bytes of a signature. */
export function encodeSshSignature(signature: Uint8Array): Buffer {
  return Buffer.concat([encodeSshString(SSH_ED25519), encodeSshString(signature)]);
}

/**
 * Decodes a signature.
 * @returns the 64 bytes of Ed25519
 * @throws ExplainedError if it is malformed, or not an Ed25519 signature
 */
export function readSshSignatureBlob(bytes: Uint8Array, where: string): Buffer {
  const reader = new SshReader(bytes, where);
  const kind = reader.text();
  if (kind !== SSH_ED25519) throw otherKind('signature', kind, where);
  const signature = reader.string();
  reader.end();
  if (signature.length === SIGNATURE_BYTES) return signature;
  throw new ExplainedError({
    what: `a signature of ${signature.length} bytes is not Ed25519`,
    where,
  });
}

/** Formats a public key as in a `.pub` of `ssh-keygen`, without comment and line feed. */
export function formatSshKeyLine(key: KeyObject): string {
  return `${SSH_ED25519} ${encodeSshKey(key).toString('base64')}`;
}

/**
 * Parses the public key of a `.pub`.
 * @throws ExplainedError if it is not one line with an Ed25519 key
 */
export function readSshKeyLine(text: string, where: string): KeyObject {
  const [line = '', ...more] = text.trim().split('\n');
  const [kind = '', base64 = ''] = line.split(/[ \t]+/);
  if (more.length > 0 || kind !== SSH_ED25519) throw otherKind('key', kind, where);
  return readSshKey(Buffer.from(base64, 'base64'), where);
}

function otherKind(what: string, kind: string, where: string): ExplainedError {
  return new ExplainedError({
    what: `it is a ${what} of the kind ${JSON.stringify(kind.slice(0, 60))}, not ${SSH_ED25519}`,
    where,
    fix: 'Releases are signed with Ed25519.',
  });
}
