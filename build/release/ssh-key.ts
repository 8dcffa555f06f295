import type { KeyObject } from 'node:crypto';
import { ExplainedError } from '../explained-error.ts';
import { PUBLIC_KEY_BYTES, publicKeyFrom, rawPublicKey } from './keys.ts';
import { SIGNATURE_BYTES } from './signer.ts';
import { SshReader, sshString } from './ssh-wire.ts';

// Keys and signatures of Ed25519 as SSH has them: RFC 8709.

/** How SSH calls the kind. */
export const SSH_ED25519 = 'ssh-ed25519';

/** The bytes of a public key. */
export function sshKey(key: KeyObject): Buffer {
  return Buffer.concat([sshString(SSH_ED25519), sshString(rawPublicKey(key))]);
}

/**
 * Reads the bytes of a public key.
 * @param where what it is in, for errors
 * @throws ExplainedError if it is none, or of another kind than Ed25519
 */
export function readSshKey(bytes: Uint8Array, where: string): KeyObject {
  const reader = new SshReader(bytes, where);
  const kind = reader.text();
  if (kind !== SSH_ED25519) throw otherKind('key', kind, where);
  const raw = reader.string();
  reader.end();
  if (raw.length === PUBLIC_KEY_BYTES) return publicKeyFrom(raw);
  throw new ExplainedError({ what: `a key of ${raw.length} bytes is not Ed25519`, where });
}

/** The bytes of a signature, from its 64 ones. */
export function sshSignatureBlob(signature: Uint8Array): Buffer {
  return Buffer.concat([sshString(SSH_ED25519), sshString(signature)]);
}

/**
 * Reads the bytes of a signature.
 * @returns the 64 bytes of Ed25519
 * @throws ExplainedError if it is none, or of another kind
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

/** A public key as `ssh-keygen` writes it into a `.pub`, without a comment and a line feed. */
export function sshKeyLine(key: KeyObject): string {
  return `${SSH_ED25519} ${sshKey(key).toString('base64')}`;
}

/**
 * Reads the public key of a `.pub`.
 * @throws ExplainedError if it is not one line with a key, Ed25519
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
