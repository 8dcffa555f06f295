import { createHash, type KeyObject, verify } from 'node:crypto';
import { ExplainedError } from '../explained-error.ts';
import { type Signer, signBy } from './signer.ts';
import {
  encodeSshKey,
  encodeSshSignature,
  formatSshKeyLine,
  readSshKey,
  readSshSignatureBlob,
} from './ssh-key.ts';
import { encodeSshNumber, encodeSshString, SshReader } from './ssh-wire.ts';

// Signatures of files by SSH keys: PROTOCOL.sshsig of OpenSSH.

const MAGIC = 'SSHSIG';
const VERSION = 1;

/** Purpose of a signature, and part of the signed bytes; `file` is usual for files (`ssh-keygen -Y sign -n file`). */
export const SSH_NAMESPACE = 'file';

/** Hash algorithms of the format, and the one that is used for new signatures. */
const HASHES = ['sha256', 'sha512'] as const;
const HASH = 'sha512';
const NOTHING = Buffer.alloc(0);

const BEGIN = '-----BEGIN SSH SIGNATURE-----';
const END = '-----END SSH SIGNATURE-----';
const LINE = 70;

/** Longest file that is read, in characters; an Ed25519 signature has about 300. */
export const LONGEST_SSH_SIGNATURE = 16 * 1024;

/** Content of the signature file that `ssh-keygen -Y sign` writes. */
export interface SshSignature {
  /** The Ed25519 public key in the file, with which the signature has to be verified. */
  key: KeyObject;
  namespace: string;
  reserved: Buffer;
  hash: (typeof HASHES)[number];
  signature: Buffer;
}

/**
 * Signs bytes like `ssh-keygen -Y sign -n file`.
 * @returns the content of a `.sig`
 * @throws ExplainedError if the signer fails
 */
export async function signSsh(bytes: Uint8Array, signer: Signer): Promise<string> {
  const signed = signedBytes(bytes, { namespace: SSH_NAMESPACE, reserved: NOTHING, hash: HASH });
  const signature = await signBy(signer, signed);
  const blob = Buffer.concat([
    Buffer.from(MAGIC),
    encodeSshNumber(VERSION),
    encodeSshString(encodeSshKey(signer.key)),
    encodeSshString(SSH_NAMESPACE),
    encodeSshString(NOTHING),
    encodeSshString(HASH),
    encodeSshString(encodeSshSignature(signature)),
  ]);
  const lines = blob.toString('base64').match(new RegExp(`.{1,${LINE}}`, 'g')) ?? [];
  return [BEGIN, ...lines, END, ''].join('\n');
}

/**
 * Parses a `.sig`. `verifySsh` verifies it with the key in it; the caller has to check that this key is trusted.
 * @param where its file, for errors
 * @throws ExplainedError if it is malformed, or by a key other than Ed25519
 */
export function readSshSignature(text: string, where: string): SshSignature {
  if (text.length > LONGEST_SSH_SIGNATURE) throw noSignature('it is too long', where);
  const lines = text.trimEnd().split(/\r?\n/);
  const base64 = lines.slice(1, -1).join('');
  if (lines[0] !== BEGIN || lines.at(-1) !== END || !/^[0-9A-Za-z+/]+={0,2}$/.test(base64)) {
    throw noSignature('it does not have its first and last line, and Base64 between them', where);
  }
  const reader = new SshReader(Buffer.from(base64, 'base64'), where);
  if (reader.take(MAGIC.length).toString('latin1') !== MAGIC) {
    throw noSignature(`it does not begin with ${MAGIC}`, where);
  }
  const version = reader.number();
  if (version !== VERSION) throw noSignature(`its version is ${version}, not ${VERSION}`, where);
  const key = readSshKey(reader.string(), where);
  const namespace = reader.text();
  // Reserved for later versions: empty when written, ignored when read, and covered by the signature.
  const reserved = reader.string();
  const hashName = reader.text();
  const hash = HASHES.find((name) => name === hashName);
  if (hash === undefined)
    throw noSignature(`${JSON.stringify(hashName)} is not a hash that it supports`, where);
  const signature = readSshSignatureBlob(reader.string(), where);
  reader.end();
  return { key, namespace, reserved, hash, signature };
}

/**
 * Verifies a signature of bytes with the key in it.
 * @throws ExplainedError if its namespace is not `file`: a signature for one purpose is not valid for another
 */
export function verifySsh(signature: SshSignature, bytes: Uint8Array, where: string): boolean {
  if (signature.namespace !== SSH_NAMESPACE) {
    throw noSignature(`it is for ${JSON.stringify(signature.namespace)}, not for a file`, where);
  }
  return verify(null, signedBytes(bytes, signature), signature.key, signature.signature);
}

/**
 * Returns the line for a file of allowed signers (ssh-keygen(1), ALLOWED SIGNERS) that lets the key sign files as
 * `release`, for `ssh-keygen -Y verify -I release`.
 */
export function formatAllowedSigner(key: KeyObject): string {
  return `release namespaces="${SSH_NAMESPACE}" ${formatSshKeyLine(key)}`;
}

function signedBytes(
  bytes: Uint8Array,
  { namespace, reserved, hash }: Pick<SshSignature, 'namespace' | 'reserved' | 'hash'>,
): Buffer {
  return Buffer.concat([
    Buffer.from(MAGIC),
    encodeSshString(namespace),
    encodeSshString(reserved),
    encodeSshString(hash),
    encodeSshString(createHash(hash).update(bytes).digest()),
  ]);
}

function noSignature(why: string, where: string): ExplainedError {
  return new ExplainedError({
    what: `it is not an SSH signature: ${why}`,
    where,
    fix: 'Get it from its publisher again.',
  });
}
