import { createHash, type KeyObject, verify } from 'node:crypto';
import { ExplainedError } from '../explained-error.ts';
import { type Signer, signBy } from './signer.ts';
import {
  readSshKey,
  readSshSignatureBlob,
  sshKey,
  sshKeyLine,
  sshSignatureBlob,
} from './ssh-key.ts';
import { SshReader, sshNumber, sshString } from './ssh-wire.ts';

// Signatures of files by keys of SSH: PROTOCOL.sshsig of OpenSSH.

const MAGIC = 'SSHSIG';
const VERSION = 1;

/** What a signature is for, which it covers; `file` is what `ssh-keygen -Y sign -n file` is told for files. */
export const SSH_NAMESPACE = 'file';

/** Hashes that the format knows, and that which is written here. */
const HASHES = ['sha256', 'sha512'] as const;
const HASH = 'sha512';
const NOTHING = Buffer.alloc(0);

const BEGIN = '-----BEGIN SSH SIGNATURE-----';
const END = '-----END SSH SIGNATURE-----';
const LINE = 70;

/** Longest file that is read, characters; one by Ed25519 has 300. */
export const LONGEST_SSH_SIGNATURE = 16 * 1024;

/** A file that `ssh-keygen -Y sign` writes beside the one that it signs. */
export interface SshSignature {
  /** The public key, Ed25519, that it says it is by. */
  key: KeyObject;
  namespace: string;
  reserved: Buffer;
  hash: (typeof HASHES)[number];
  signature: Buffer;
}

/**
 * Signs bytes as `ssh-keygen -Y sign -n file` does.
 * @returns the text of a `.sig`
 * @throws ExplainedError if the signer does not sign
 */
export async function signSsh(bytes: Uint8Array, signer: Signer): Promise<string> {
  const signed = signedBytes(bytes, { namespace: SSH_NAMESPACE, reserved: NOTHING, hash: HASH });
  const signature = await signBy(signer, signed);
  const blob = Buffer.concat([
    Buffer.from(MAGIC),
    sshNumber(VERSION),
    sshString(sshKey(signer.key)),
    sshString(SSH_NAMESPACE),
    sshString(NOTHING),
    sshString(HASH),
    sshString(sshSignatureBlob(signature)),
  ]);
  const lines = blob.toString('base64').match(new RegExp(`.{1,${LINE}}`, 'g')) ?? [];
  return [BEGIN, ...lines, END, ''].join('\n');
}

/**
 * Reads a `.sig`. Whether it is by the key that it names is for `verifySsh`, and whether that key is trusted for the caller.
 * @param where its file, for errors
 * @throws ExplainedError if it is none, or by another kind of key than Ed25519
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
  // Room for later versions: whoever signs leaves it empty, whoever reads passes it over, and it is signed as it is.
  const reserved = reader.string();
  const hashName = reader.text();
  const hash = HASHES.find((name) => name === hashName);
  if (hash === undefined) throw noSignature(`${JSON.stringify(hashName)} is no hash of it`, where);
  const signature = readSshSignatureBlob(reader.string(), where);
  reader.end();
  return { key, namespace, reserved, hash, signature };
}

/**
 * Whether a signature is of these bytes, by the key that it names.
 * @throws ExplainedError if it is for something other than files: what is signed for one thing is not for another
 */
export function verifySsh(signature: SshSignature, bytes: Uint8Array, where: string): boolean {
  if (signature.namespace !== SSH_NAMESPACE) {
    throw noSignature(`it is for ${JSON.stringify(signature.namespace)}, not for a file`, where);
  }
  return verify(null, signedBytes(bytes, signature), signature.key, signature.signature);
}

/**
 * A line of a file of allowed signers (ssh-keygen(1), ALLOWED SIGNERS): the key may sign files as `release`, which is what
 * `ssh-keygen -Y verify -I release` asks for.
 */
export function allowedSigner(key: KeyObject): string {
  return `release namespaces="${SSH_NAMESPACE}" ${sshKeyLine(key)}`;
}

function signedBytes(
  bytes: Uint8Array,
  { namespace, reserved, hash }: Pick<SshSignature, 'namespace' | 'reserved' | 'hash'>,
): Buffer {
  return Buffer.concat([
    Buffer.from(MAGIC),
    sshString(namespace),
    sshString(reserved),
    sshString(hash),
    sshString(createHash(hash).update(bytes).digest()),
  ]);
}

function noSignature(why: string, where: string): ExplainedError {
  return new ExplainedError({
    what: `it is no signature of SSH: ${why}`,
    where,
    fix: 'Get it from its publisher again.',
  });
}
