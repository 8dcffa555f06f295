const SHA1_BYTES = 20;
const BASE64 = /^Q1[A-Za-z0-9+/]{27}=$/;
const HEX = /^X1[0-9a-fA-F]{40}$/;
/** Last digits of base64 whose unused bits are zero, after 20 bytes. */
const CANONICAL_ENDS = 'AEIMQUYcgkosw048';

/**
 * The identity of a package in the one spelling it is compared by.
 * @param text the value of `C:`: `Q1` and base64, or `X1` and hexadecimal digits, of a SHA-1
 * @returns `Q1` and base64, or `undefined` if the text is neither
 */
export function canonicalIdentity(text: string): string | undefined {
  if (BASE64.test(text)) {
    if (CANONICAL_ENDS.includes(text.charAt(28))) return text;
    return encode(Buffer.from(text.slice(2), 'base64'));
  }
  return HEX.test(text) ? encode(Buffer.from(text.slice(2), 'hex')) : undefined;
}

function encode(bytes: Buffer): string {
  return `Q1${bytes.subarray(0, SHA1_BYTES).toString('base64')}`;
}
