import '@abraham/reflection';
import { createHash, type webcrypto } from 'node:crypto';
import * as x509 from '@peculiar/x509';
import type { GivenCertificate } from '../trust/given-certificate.ts';

/** Extension `id-pe-acmeIdentifier` (RFC 8737, 3). */
const ACME_IDENTIFIER = '1.3.6.1.5.5.7.1.31';

const P256 = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };

/** Milliseconds before and after now during which the certificate of a challenge is valid. */
const VALID = 24 * 60 * 60_000;

/**
 * Creates the certificate that proves the control of a name (tls-alpn-01, RFC 8737): self-signed, and with the hash of
 * the key authorization. @returns PEM
 */
export async function createChallengeCertificate(
  name: string,
  keyAuthorization: string,
): Promise<GivenCertificate> {
  const keys = await crypto.subtle.generateKey(P256, true, ['sign', 'verify']);
  const digest = createHash('sha256').update(keyAuthorization).digest();
  // An OCTET STRING of 32 bytes, in DER.
  const identifier = Buffer.concat([Buffer.from([0x04, 0x20]), digest]);
  const made = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: '01',
    name: [{ CN: [name] }],
    notBefore: new Date(Date.now() - VALID),
    notAfter: new Date(Date.now() + VALID),
    signingAlgorithm: P256,
    keys,
    extensions: [
      new x509.SubjectAlternativeNameExtension([{ type: 'dns', value: name }]),
      new x509.Extension(ACME_IDENTIFIER, true, new Uint8Array(identifier)),
    ],
  });
  return { chain: made.toString('pem'), key: await privateKeyOf(keys) };
}

/** Creates a key on P-256, and a request for a certificate for names (PKCS #10, RFC 2986). */
export async function createCertificateRequest(
  names: readonly string[],
): Promise<{ key: string; request: Uint8Array }> {
  const keys = await crypto.subtle.generateKey(P256, true, ['sign', 'verify']);
  const made = await x509.Pkcs10CertificateRequestGenerator.create({
    keys,
    signingAlgorithm: P256,
    extensions: [
      new x509.SubjectAlternativeNameExtension(
        names.map((value) => ({ type: 'dns' as const, value })),
      ),
    ],
  });
  return { key: await privateKeyOf(keys), request: new Uint8Array(made.rawData) };
}

/** Returns a private key as PEM of PKCS #8. */
async function privateKeyOf({ privateKey }: webcrypto.CryptoKeyPair): Promise<string> {
  const pkcs8 = await crypto.subtle.exportKey('pkcs8', privateKey);
  return x509.PemConverter.encode(pkcs8, 'PRIVATE KEY');
}
