import { formatChecksum, SHA1_BYTES, SHA256_BYTES } from '../checksum.ts';

const SHA1_BASE64 = /^Q1[A-Za-z0-9+/]{27}=$/;
/** Digits that can end the base64 of 20 bytes: their unused bits are zero. */
const CANONICAL_ENDS = 'AEIMQUYcgkosw048';
const SHA1_HEX = /^X1[0-9a-fA-F]{40}$/;
const SHA256_BASE64 = /^Q[12][A-Za-z0-9+/]{43}=$/;
const SHA256_HEX = /^X[12][0-9a-fA-F]{64}$/;
/** A SHA-256 as written by apk-tools 3: `Q1`, the base64 of the first 20 bytes, and that of the other 12 bytes. */
const SHA256_CONTINUED = /^Q1([A-Za-z0-9+/]{27}=)([A-Za-z0-9+/]{16})$/;

/**
 * Returns the canonical spelling of a package's identity, for comparisons.
 * @param text the value of `C:`: for a SHA-1, `Q1` and base64, or `X1` and hexadecimal digits; for a SHA-256, `Q2`,
 *   `X2`, or `Q1` or `X1` with more digits
 * @returns `Q1` or `Q2` and base64, or `undefined` if the text is none of these
 */
export function canonicalizeIdentity(text: string): string | undefined {
  if (SHA1_BASE64.test(text)) {
    if (CANONICAL_ENDS.includes(text.charAt(28))) return text;
    return formatChecksum(Buffer.from(text.slice(2), 'base64').subarray(0, SHA1_BYTES));
  }
  const digest = digestOf(text);
  return digest === undefined ? undefined : formatChecksum(digest);
}

function digestOf(text: string): Buffer | undefined {
  if (SHA1_HEX.test(text) || SHA256_HEX.test(text)) return Buffer.from(text.slice(2), 'hex');
  if (SHA256_BASE64.test(text)) {
    return Buffer.from(text.slice(2), 'base64').subarray(0, SHA256_BYTES);
  }
  const [, first, rest] = SHA256_CONTINUED.exec(text) ?? [];
  if (first === undefined || rest === undefined) return undefined;
  return Buffer.concat([first, rest].map((part) => Buffer.from(part, 'base64')));
}
