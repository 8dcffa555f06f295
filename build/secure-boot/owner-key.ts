import { constants, type KeyObject, sign, verify, X509Certificate } from 'node:crypto';
import { ExplainedError } from '../explained-error.ts';

/** RSA key of an image's owner, which the firmware accepts, and its certificate. */
export interface OwnerKey {
  /** X.509, DER. */
  certificate: Buffer;
  /** Issuer and serial number of the certificate in DER, which identify the signer in a signature. */
  issuer: Buffer;
  serial: Buffer;
  /**
   * Start of the certificate's validity, seconds since 1970; used as the time of all signatures, so that signatures are
   * reproducible.
   */
  since: number;
  /** The public key. */
  key: KeyObject;
  /** Signs bytes, RSASSA-PKCS1-v1_5 with SHA-256 (RFC 8017, 8.2). */
  sign: (bytes: Uint8Array) => Promise<Buffer>;
}

/** Signs with the private key, as `OwnerKey` does; its signatures are verified before use. */
export interface OwnerSigner {
  /** Name in errors: the file of the key, or the command. */
  name: string;
  sign: (bytes: Uint8Array) => Promise<Uint8Array>;
}

/** Makes a signer from an RSA private key. */
export function makeRsaSigner(secret: KeyObject, name: string): OwnerSigner {
  const padding = constants.RSA_PKCS1_PADDING;
  return { name, sign: async (bytes) => sign('sha256', bytes, { key: secret, padding }) };
}

/**
 * Minimum number of bits of a key: UEFI 2.10, 32.5.1 requires support for RSA-2048, and most firmware accepts larger
 * keys.
 */
const LEAST_BITS = 2048;

/**
 * Makes an owner's key.
 * @param pem certificate in PEM
 * @param where file of the certificate, for errors
 * @param signer signs with the private key
 * @throws ExplainedError if it is not a certificate of an RSA key with at least 2048 bits
 */
export function makeOwnerKey(pem: string, where: string, signer: OwnerSigner): OwnerKey {
  const certificate = readCertificate(pem, where);
  const { publicKey: key, raw, validFromDate } = certificate;
  const bits = key.asymmetricKeyDetails?.modulusLength ?? 0;
  if (key.asymmetricKeyType !== 'rsa' || bits < LEAST_BITS) {
    throw noCertificate(where, `it is not of an RSA key with ${LEAST_BITS} bits or more`);
  }
  return {
    ...{ certificate: raw, ...namesOf(raw), key, since: validFromDate.getTime() / 1000 },
    sign: async (bytes) => {
      const signature = Buffer.from(await signer.sign(bytes));
      if (verify('sha256', bytes, key, signature)) return signature;
      throw new ExplainedError({
        what: `it returned something that is not a signature by the key of ${where}`,
        where: signer.name,
        fix: 'It has to sign the bytes with RSA, PKCS #1 v1.5 and SHA-256, and with the private key of that certificate.',
      });
    },
  };
}

function readCertificate(pem: string, where: string): X509Certificate {
  const blocks = pem.match(/-----BEGIN [A-Z0-9 ]+-----/g) ?? [];
  if (blocks.join() !== '-----BEGIN CERTIFICATE-----') {
    throw noCertificate(where, 'it is not one certificate in PEM');
  }
  try {
    return new X509Certificate(pem);
  } catch (cause) {
    throw noCertificate(where, 'it is not one certificate in PEM', cause);
  }
}

function noCertificate(where: string, what: string, cause?: unknown): ExplainedError {
  return new ExplainedError({
    what,
    where,
    fix: 'Make key and certificate as docs/secure-boot.md says.',
    cause,
  });
}

/** Returns serial number and issuer of a valid certificate (RFC 5280, 4.1), in DER. */
function namesOf(certificate: Buffer): { serial: Buffer; issuer: Buffer } {
  const [inner = certificate] = partsOf(certificate);
  const parts = partsOf(inner);
  // The version comes first, with a context-specific tag; it is absent in version 1.
  const [serial, , issuer] = parts[0]?.[0] === VERSION ? parts.slice(1) : parts;
  if (serial === undefined || issuer === undefined) throw new Error('a certificate has no issuer');
  return { serial, issuer };
}

const VERSION = 0xa0;

/** Splits the contents of a DER value (X.690) into values with tag and length. */
function partsOf(value: Buffer): Buffer[] {
  const parts: Buffer[] = [];
  const { start, end } = extentOf(value, 0);
  for (let at = start; at < end; ) {
    const part = extentOf(value, at);
    parts.push(value.subarray(at, part.end));
    at = part.end;
  }
  return parts;
}

/** Returns start and end of the contents of a DER value. */
function extentOf(bytes: Buffer, at: number): { start: number; end: number } {
  const first = bytes.readUInt8(at + 1);
  if (first < 0x80) return { start: at + 2, end: at + 2 + first };
  const digits = first & 0x7f;
  const start = at + 2 + digits;
  return { start, end: start + bytes.readUIntBE(at + 2, digits) };
}
