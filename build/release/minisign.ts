import { createHash, type KeyObject, verify } from 'node:crypto';
import { ExplainedError } from '../explained-error.ts';
import { computeKeyId, encodeRawPublicKey, makePublicKey, PUBLIC_KEY_BYTES } from './keys.ts';
import { SIGNATURE_BYTES, type Signer, signBy } from './signer.ts';

// Formats of minisign: https://jedisct1.github.io/minisign/, section "Formats".

/**
 * Longest file that is read, in characters; minisign accepts an untrusted comment of 1 KiB and a trusted one of 8 KiB.
 */
export const LONGEST_MINISIGN = 16 * 1024;

/** Longest trusted comment that is written, in bytes. */
const LONGEST_COMMENT = 1024;

/** Algorithm marks: of a public key, of a signature of the file itself, and of a signature of its BLAKE2b-512. */
const KEY_MARK = 'Ed';
const LEGACY_MARK = 'Ed';
const PREHASHED_MARK = 'ED';

const KEY_NUMBER_BYTES = 8;

const UNTRUSTED = 'untrusted comment: ';
const TRUSTED = 'trusted comment: ';

/** Content of a `.minisig`, the signature file that minisign writes. */
export interface Minisignature {
  /** Signature of the BLAKE2b-512 of the file. */
  signature: Buffer;
  /** One line, which `commentSignature` covers. */
  trustedComment: string;
  /** Signature of `signature` and the trusted comment. */
  commentSignature: Buffer;
}

/** Result of verifying a signature with a key: valid; made by this key, but of other bytes; or not made by this key. */
export type MinisignVerdict = 'valid' | 'of other bytes' | 'of another key';

/**
 * Signs bytes like `minisign -S`, with hashing.
 * @param trustedComment one line that is also signed
 * @returns the content of a `.minisig`
 * @throws ExplainedError if the comment is not one line, or the signer fails
 */
export async function signMinisign(
  bytes: Uint8Array,
  signer: Signer,
  trustedComment: string,
): Promise<string> {
  if (!isComment(trustedComment) || Buffer.byteLength(trustedComment) > LONGEST_COMMENT) {
    throw new ExplainedError({
      what: `a trusted comment is one line of at most ${LONGEST_COMMENT} bytes`,
      where: JSON.stringify(trustedComment.slice(0, 100)),
    });
  }
  const signature = await signBy(signer, blake2b(bytes));
  const commentSignature = await signBy(signer, signedComment(signature, trustedComment));
  const marked = Buffer.concat([Buffer.from(PREHASHED_MARK), keyNumber(signer.key), signature]);
  const lines = [
    `${UNTRUSTED}signature by the key ${shownNumber(signer.key)}`,
    marked.toString('base64'),
    `${TRUSTED}${trustedComment}`,
    commentSignature.toString('base64'),
  ];
  return lines.map((line) => `${line}\n`).join('');
}

/**
 * Parses a `.minisig`. The key number in it is ignored: `verifyMinisign` verifies with the key itself.
 * @param where its file, for errors
 * @throws ExplainedError if it is malformed, or uses the legacy format without hashing
 */
export function readMinisign(text: string, where: string): Minisignature {
  if (text.length > LONGEST_MINISIGN) throw noMinisign('it is too long', where);
  const [untrusted = '', marked = '', trusted = '', last = '', ...more] = text
    .replace(/\r?\n$/, '')
    .split(/\r?\n/);
  if (more.length > 0 || !untrusted.startsWith(UNTRUSTED) || !trusted.startsWith(TRUSTED)) {
    throw noMinisign('it does not have its four lines', where);
  }
  const bytes = fromBase64(marked, 2 + KEY_NUMBER_BYTES + SIGNATURE_BYTES);
  const commentSignature = fromBase64(last, SIGNATURE_BYTES);
  if (bytes === undefined || commentSignature === undefined) {
    throw noMinisign('a signature in it is incomplete', where);
  }
  const mark = bytes.toString('latin1', 0, 2);
  if (mark === LEGACY_MARK) {
    throw noMinisign('it is of the old kind, not of BLAKE2b-512 (minisign before 0.10)', where);
  }
  if (mark !== PREHASHED_MARK) throw noMinisign('it is of an unknown kind', where);
  const trustedComment = trusted.slice(TRUSTED.length);
  if (!isComment(trustedComment)) throw noMinisign('its comment is not plain text', where);
  return {
    signature: bytes.subarray(2 + KEY_NUMBER_BYTES),
    trustedComment,
    commentSignature,
  };
}

/**
 * Verifies a signature of some bytes with a key. `commentSignature` covers only the signature and the trusted comment,
 * so it shows whether this key made the signature, even if the signature is of other bytes.
 * @param key Ed25519 public key
 */
export function verifyMinisign(
  { signature, trustedComment, commentSignature }: Minisignature,
  bytes: Uint8Array,
  key: KeyObject,
): MinisignVerdict {
  const comment = signedComment(signature, trustedComment);
  if (!verify(null, comment, key, commentSignature)) return 'of another key';
  return verify(null, blake2b(bytes), key, signature) ? 'valid' : 'of other bytes';
}

/** Formats a public key as a key file for `minisign -p`, two lines; the second is the argument of `-P`. */
export function formatMinisignPublicKey(key: KeyObject): string {
  const bytes = Buffer.concat([Buffer.from(KEY_MARK), keyNumber(key), encodeRawPublicKey(key)]);
  return `${UNTRUSTED}minisign public key ${shownNumber(key)}\n${bytes.toString('base64')}\n`;
}

/**
 * Parses a public key from a key file of minisign, or from its command line argument. The key number is ignored.
 * @returns undefined if the text is neither
 */
export function readMinisignPublicKey(text: string): KeyObject | undefined {
  const [first = '', second, ...more] = text.trimEnd().split(/\r?\n/);
  if (more.length > 0 || (second !== undefined && !first.startsWith(UNTRUSTED))) return undefined;
  const bytes = fromBase64(second ?? first, 2 + KEY_NUMBER_BYTES + PUBLIC_KEY_BYTES);
  if (bytes?.toString('latin1', 0, 2) !== KEY_MARK) return undefined;
  return makePublicKey(bytes.subarray(2 + KEY_NUMBER_BYTES));
}

/**
 * Returns the key number, with which minisign identifies keys. minisign accepts any number; this one is derived from
 * the key, so that the number as shown by minisign (little-endian, hex) is the beginning of the key's SHA-256.
 */
function keyNumber(key: KeyObject): Buffer {
  return Buffer.from(computeKeyId(key).slice(0, 2 * KEY_NUMBER_BYTES), 'hex').reverse();
}

function shownNumber(key: KeyObject): string {
  return computeKeyId(key)
    .slice(0, 2 * KEY_NUMBER_BYTES)
    .toUpperCase();
}

function signedComment(signature: Uint8Array, trustedComment: string): Buffer {
  return Buffer.concat([signature, Buffer.from(trustedComment, 'utf8')]);
}

function blake2b(bytes: Uint8Array): Buffer {
  return createHash('blake2b512').update(bytes).digest();
}

/** Whether a text is a single line that is safe to print on a terminal. */
function isComment(text: string): boolean {
  return text.isWellFormed() && !/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u.test(text);
}

/** Decodes canonical Base64 with padding (RFC 4648); undefined unless it encodes exactly this number of bytes. */
function fromBase64(text: string, bytes: number): Buffer | undefined {
  const decoded = Buffer.from(text, 'base64');
  return decoded.length === bytes && decoded.toString('base64') === text ? decoded : undefined;
}

function noMinisign(why: string, where: string): ExplainedError {
  return new ExplainedError({
    what: `it is not a minisign signature: ${why}`,
    where,
    fix: 'Get it from its publisher again.',
  });
}
