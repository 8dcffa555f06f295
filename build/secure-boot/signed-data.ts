import type { OwnerKey } from './owner-key.ts';

/**
 * PKCS #7 signatures (RFC 2315) for UEFI programs and variables: RSA with SHA-256, one signer, and no signing time, so that
 * the same content gives the same bytes.
 */

/** Object identifiers: their DER contents in hex. */
export const OIDS = {
  data: '2a864886f70d010701',
  signedData: '2a864886f70d010702',
  contentType: '2a864886f70d010903',
  messageDigest: '2a864886f70d010904',
  rsaEncryption: '2a864886f70d010101',
  sha256: '608648016503040201',
} as const;

/** Tags of DER (X.690). */
const [INTEGER, BIT_STRING, OCTET_STRING, NULL, OBJECT, SEQUENCE, SET] = [
  0x02, 0x03, 0x04, 0x05, 0x06, 0x30, 0x31,
];

/** Encodes a DER value with a tag and concatenated contents. */
export function der(tag: number, ...content: readonly Uint8Array[]): Buffer {
  const bytes = Buffer.concat(content);
  const { length } = bytes;
  if (length < 0x80) return Buffer.concat([Buffer.from([tag, length]), bytes]);
  const digits = length.toString(16);
  const long = Buffer.from(digits.padStart(digits.length + (digits.length % 2), '0'), 'hex');
  return Buffer.concat([Buffer.from([tag, 0x80 | long.length]), long, bytes]);
}

export const sequence = (...content: readonly Uint8Array[]) => der(SEQUENCE, ...content);
export const octets = (bytes: Uint8Array) => der(OCTET_STRING, bytes);
export const object = (oid: string) => der(OBJECT, Buffer.from(oid, 'hex'));
export const noBits = () => der(BIT_STRING, Buffer.from([0]));
/** Value with a context-specific, constructed tag. */
export const context = (number: number, ...content: readonly Uint8Array[]) =>
  der(0xa0 | number, ...content);
export const algorithm = (oid: string) => sequence(object(oid), der(NULL));

/** Content to be included in its signature. */
export interface SignedContent {
  /** Its type, an object identifier as in `OIDS`. */
  type: string;
  /** Its value in DER. */
  value: Buffer;
  /** SHA-256 of the value's contents, without tag and length (RFC 2315, 9.3). */
  digest: Buffer;
}

/**
 * Signs content and its type.
 * @returns ContentInfo with SignedData, DER
 */
export async function signContent(
  owner: OwnerKey,
  { type, value, digest }: SignedContent,
): Promise<Buffer> {
  const attributes = [
    sequence(object(OIDS.contentType), der(SET, object(type))),
    sequence(object(OIDS.messageDigest), der(SET, octets(digest))),
  ];
  // The attributes are signed as a SET, but stored with a context-specific tag.
  const signature = await owner.sign(der(SET, ...attributes));
  const signedData = signedDataOf(owner, {
    content: sequence(object(type), context(0, value)),
    attributes: [context(0, ...attributes)],
    signature,
  });
  return sequence(object(OIDS.signedData), context(0, signedData));
}

/**
 * Makes a detached signature.
 * @returns SignedData in DER, as required for UEFI variables (UEFI 2.10, 8.2.2)
 */
export async function signDetached(owner: OwnerKey, bytes: Uint8Array): Promise<Buffer> {
  const signature = await owner.sign(bytes);
  return signedDataOf(owner, { content: sequence(object(OIDS.data)), attributes: [], signature });
}

function signedDataOf(
  { certificate, issuer, serial }: OwnerKey,
  parts: { content: Buffer; attributes: readonly Buffer[]; signature: Uint8Array },
): Buffer {
  const version = der(INTEGER, Buffer.from([1]));
  const signer = sequence(
    version,
    sequence(issuer, serial),
    algorithm(OIDS.sha256),
    ...parts.attributes,
    algorithm(OIDS.rsaEncryption),
    octets(parts.signature),
  );
  return sequence(
    version,
    der(SET, algorithm(OIDS.sha256)),
    parts.content,
    context(0, certificate),
    der(SET, signer),
  );
}
