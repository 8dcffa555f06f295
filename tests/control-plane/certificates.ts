import '@abraham/reflection';
import { randomBytes, type webcrypto } from 'node:crypto';
import * as x509 from '@peculiar/x509';

const DAY = 86_400_000;

const P256 = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };

type Algorithm = webcrypto.Algorithm | webcrypto.EcKeyGenParams | webcrypto.RsaHashedKeyGenParams;

/** Fields of a certificate; the defaults are those of a server certificate that browsers accept. */
export interface Wanted {
  readonly name?: string;
  /** Subject alternative names. */
  readonly names?: readonly string[];
  readonly addresses?: readonly string[];
  /** Its issuer; self-signed if absent. */
  readonly by?: Made;
  readonly isAuthority?: boolean;
  readonly purpose?: string;
  /** Days from now. */
  readonly from?: number;
  readonly to?: number;
  readonly algorithm?: Algorithm;
  /** Hash algorithm of its signature: `SHA-256`. */
  readonly hash?: string;
}

/** A certificate with its key; PEM. */
export interface Made {
  readonly pem: string;
  readonly key: string;
  readonly certificate: x509.X509Certificate;
  readonly keys: webcrypto.CryptoKeyPair;
  readonly algorithm: Algorithm;
}

/** Makes a certificate like those of another authority. */
export async function makeCertificate(wanted: Wanted = {}): Promise<Made> {
  const { name = 'qvdc.example', addresses = [], by, isAuthority = false } = wanted;
  const { names = isAuthority ? [] : [name], from = -1, to = 90, algorithm = P256 } = wanted;
  const keys = await crypto.subtle.generateKey(algorithm as webcrypto.EcKeyGenParams, true, [
    ...(['sign', 'verify'] as const),
  ]);
  const alternatives = [
    ...names.map((value) => ({ type: 'dns' as const, value })),
    ...addresses.map((value) => ({ type: 'ip' as const, value })),
  ];
  const signer = by?.algorithm ?? algorithm;
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: `01${randomBytes(8).toString('hex')}`,
    subject: [{ CN: [name] }],
    issuer: by?.certificate.subject ?? `CN=${name}`,
    notBefore: new Date(Date.now() + from * DAY),
    notAfter: new Date(Date.now() + to * DAY),
    signingAlgorithm: { name: signer.name, hash: wanted.hash ?? 'SHA-256' },
    publicKey: keys.publicKey,
    signingKey: by?.keys.privateKey ?? keys.privateKey,
    extensions: [
      new x509.BasicConstraintsExtension(isAuthority, undefined, true),
      ...(alternatives.length === 0
        ? []
        : [new x509.SubjectAlternativeNameExtension(alternatives)]),
      ...(wanted.purpose === undefined
        ? []
        : [new x509.ExtendedKeyUsageExtension([wanted.purpose])]),
    ],
  });
  const key = x509.PemConverter.encode(
    await crypto.subtle.exportKey('pkcs8', keys.privateKey),
    'PRIVATE KEY',
  );
  return { pem: `${certificate.toString('pem')}\n`, key, certificate, keys, algorithm };
}
