import { createHash } from 'node:crypto';
import type { OwnerKey } from './owner-key.ts';

/**
 * Public key and detached signatures for GRUB, in OpenPGP format (RFC 4880), version 4. Their time is the start of the
 * certificate's validity, so that they are reproducible.
 */

/** Algorithm numbers of RSA and SHA-256. */
const [RSA, SHA256] = [1, 8];
/** Packet tags. */
const [SIGNATURE, PUBLIC_KEY] = [2, 6];
/** Signature type: of a binary document. */
const OF_BINARY = 0x00;
/** Types of signature subpackets. */
const [CREATED, ISSUER] = [2, 16];

/** Suffix of signature files, which GRUB appends to the name of the signed file. */
export const SIGNATURE_SUFFIX = '.sig';

/** Returns the public key for grub-mkimage(1) (`--pubkey`). */
export function encodePublicKeyPacket(owner: OwnerKey): Buffer {
  return packet(PUBLIC_KEY, publicKeyBody(owner));
}

/** Returns the signature of a file. @throws errors of signing */
export async function signFile(owner: OwnerKey, content: Buffer): Promise<Buffer> {
  const created = subpacket(CREATED, numberOf(owner.since));
  const head = Buffer.from([4, OF_BINARY, RSA, SHA256, 0, created.length]);
  const hashed = Buffer.concat([head, created]);
  const end = Buffer.concat([Buffer.from([4, 0xff]), numberOf(hashed.length)]);
  const signed = Buffer.concat([content, hashed, end]);
  const issuer = subpacket(ISSUER, keyId(owner));
  const digest = createHash('sha256').update(signed).digest();
  return packet(
    SIGNATURE,
    Buffer.concat([
      hashed,
      Buffer.from([0, issuer.length]),
      issuer,
      digest.subarray(0, 2),
      integer(await owner.sign(signed)),
    ]),
  );
}

function publicKeyBody({ key, since }: OwnerKey): Buffer {
  const { n = '', e = '' } = key.export({ format: 'jwk' });
  return Buffer.concat([
    ...[Buffer.from([4]), numberOf(since), Buffer.from([RSA])],
    ...[n, e].map((text) => integer(Buffer.from(text, 'base64url'))),
  ]);
}

/** Key ID (RFC 4880, 12.2). */
function keyId(owner: OwnerKey): Buffer {
  const body = publicKeyBody(owner);
  const head = Buffer.from([0x99, body.length >> 8, body.length & 0xff]);
  return createHash('sha1').update(head).update(body).digest().subarray(-8);
}

/** Packet in the old format, with a two-byte length. */
function packet(tag: number, body: Buffer): Buffer {
  const head = Buffer.from([0x81 | (tag << 2), body.length >> 8, body.length & 0xff]);
  return Buffer.concat([head, body]);
}

function subpacket(type: number, content: Buffer): Buffer {
  return Buffer.concat([Buffer.from([content.length + 1, type]), content]);
}

/** Multiprecision integer: number of bits, then the bytes (RFC 4880, 3.2). */
function integer(bytes: Uint8Array): Buffer {
  const first = bytes.findIndex((byte) => byte !== 0);
  const digits = bytes.subarray(first);
  const bits = digits.length * 8 - Math.clz32(digits[0] ?? 0) + 24;
  return Buffer.concat([Buffer.from([bits >> 8, bits & 0xff]), digits]);
}

function numberOf(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}
