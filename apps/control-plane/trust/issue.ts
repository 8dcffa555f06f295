import '@abraham/reflection';
import { type KeyObject, randomBytes, type webcrypto } from 'node:crypto';
import * as x509 from '@peculiar/x509';
import { deriveServerName } from '../../proto/names.ts';

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };

/** In milliseconds since 1970. */
export interface Validity {
  readonly from: number;
  readonly to: number;
}

/** A root's certificate, and the key that signs with it. */
export interface Issuer {
  /** PEM. */
  readonly certificate: string;
  readonly key: KeyObject;
}

/**
 * A root is valid independent of the clock at its creation, and has no known end (RFC 5280, 4.1.2.5): people decide
 * when another root replaces it.
 */
const ROOT_VALIDITY: Validity = {
  from: Date.UTC(2020, 0, 1),
  to: Date.UTC(9999, 11, 31, 23, 59, 59),
};

/** Creates a root with a new key. @returns its certificate and key in PEM */
export async function makeRoot(): Promise<{ certificate: string; key: string }> {
  const keys = await crypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: serial(),
    // A unique name, so that verifiers do not search for an issuer among roots of the same name.
    name: [{ CN: [`QvDC ${randomBytes(4).toString('hex')}`] }],
    ...dates(ROOT_VALIDITY),
    signingAlgorithm: ALGORITHM,
    keys,
    extensions: [
      new x509.BasicConstraintsExtension(true, 1, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return { certificate: certificate.toString('pem'), key: await pkcs8(keys.privateKey) };
}

/**
 * Issues a key and certificate for a server.
 * @param fingerprints of the roots from which its names are derived
 * @returns certificate and key in PEM
 */
export async function issueServer(
  issuer: Issuer,
  fingerprints: readonly string[],
  validity: Validity,
): Promise<{ certificate: string; key: string }> {
  const keys = await crypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
  const names = fingerprints.map((one) => ({ type: 'dns' as const, value: deriveServerName(one) }));
  const certificate = await issue(issuer, keys.publicKey, 'QvDC', validity, [
    new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
    new x509.SubjectAlternativeNameExtension(names),
  ]);
  return { certificate, key: await pkcs8(keys.privateKey) };
}

/** Issues a node's certificate, which is valid only for calls as this node. @returns PEM */
export async function issueNode(
  issuer: Issuer,
  node: { publicKey: KeyObject; nodeId: string },
  validity: Validity,
): Promise<string> {
  const publicKey = node.publicKey.toCryptoKey(ALGORITHM, true, ['verify']);
  return await issue(issuer, publicKey, node.nodeId, validity, [
    new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.clientAuth]),
  ]);
}

async function issue(
  { certificate, key }: Issuer,
  publicKey: webcrypto.CryptoKey,
  name: string,
  validity: Validity,
  extensions: x509.Extension[],
): Promise<string> {
  const root = new x509.X509Certificate(certificate);
  const made = await x509.X509CertificateGenerator.create({
    serialNumber: serial(),
    subject: [{ CN: [name] }],
    issuer: root.subject,
    ...dates(validity),
    signingAlgorithm: ALGORITHM,
    publicKey,
    signingKey: key.toCryptoKey(ALGORITHM, false, ['sign']),
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      await x509.AuthorityKeyIdentifierExtension.create(root.publicKey),
      ...extensions,
    ],
  });
  return made.toString('pem');
}

function dates({ from, to }: Validity) {
  return { notBefore: new Date(from), notAfter: new Date(to) };
}

async function pkcs8(key: webcrypto.CryptoKey): Promise<string> {
  return x509.PemConverter.encode(await crypto.subtle.exportKey('pkcs8', key), 'PRIVATE KEY');
}

/**
 * Generates a serial number of 16 bytes, 15 of them random; it is positive and within the length of RFC 5280 (4.1.2.2).
 */
function serial(): string {
  return `01${randomBytes(15).toString('hex')}`;
}
