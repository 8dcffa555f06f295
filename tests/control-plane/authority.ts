import '@abraham/reflection';
import { createHash, randomBytes, type webcrypto } from 'node:crypto';
import * as x509 from '@peculiar/x509';

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };

type KeyPair = webcrypto.CryptoKeyPair;

export interface Validity {
  readonly notBefore: Date;
  readonly notAfter: Date;
}

/** Validity: from an hour ago, for ninety days. */
export function ninetyDays(): Validity {
  const now = Date.now();
  return { notBefore: new Date(now - 3_600_000), notAfter: new Date(now + 90 * 86_400_000) };
}

/** A certificate authority with a key of its own. */
export class Authority {
  readonly #certificate: x509.X509Certificate;
  readonly #keys: KeyPair;

  private constructor(certificate: x509.X509Certificate, keys: KeyPair) {
    this.#certificate = certificate;
    this.#keys = keys;
  }

  static async create(name: string): Promise<Authority> {
    const keys = await makeKeys();
    const certificate = await x509.X509CertificateGenerator.createSelfSigned({
      serialNumber: serial(),
      name: [{ CN: [name] }],
      ...ninetyDays(),
      signingAlgorithm: ALGORITHM,
      keys,
      extensions: [
        new x509.BasicConstraintsExtension(true, 1, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign, true),
      ],
    });
    return new Authority(certificate, keys);
  }

  get pem(): string {
    return this.#certificate.toString('pem');
  }

  /** SHA-256 of the DER, lower-case hex, as in a join token. */
  get fingerprint(): string {
    return createHash('sha256').update(new Uint8Array(this.#certificate.rawData)).digest('hex');
  }

  /** The name by which nodes know a server of this authority; see `node_service.proto`. */
  get serverName(): string {
    return `${this.fingerprint.slice(0, 16)}.vdc.quantix.internal`;
  }

  /** A server's key and certificate, valid for the server's name only, at any address. */
  async server(validity: Validity = ninetyDays()): Promise<{ key: string; cert: string }> {
    const keys = await makeKeys();
    const certificate = await this.#issue(keys.publicKey, validity, [
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
      new x509.SubjectAlternativeNameExtension([{ type: 'dns', value: this.serverName }]),
    ]);
    const pkcs8 = await crypto.subtle.exportKey('pkcs8', keys.privateKey);
    return {
      key: x509.PemConverter.encode(pkcs8, 'PRIVATE KEY'),
      cert: `${certificate}\n${this.pem}`,
    };
  }

  /** Signs a node's request, for client authentication only. @returns PEM and the DER of the public key */
  async sign(
    request: Uint8Array,
    validity: Validity = ninetyDays(),
  ): Promise<{ certificate: string; publicKey: Uint8Array }> {
    const csr = new x509.Pkcs10CertificateRequest(new Uint8Array(request));
    if (!(await csr.verify())) throw new Error('the request is not signed by its own key');
    const certificate = await this.#issue(csr.publicKey, validity, [
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.clientAuth]),
    ]);
    return { certificate, publicKey: new Uint8Array(csr.publicKey.rawData) };
  }

  async #issue(
    publicKey: x509.PublicKeyType,
    validity: Validity,
    extensions: x509.Extension[],
  ): Promise<string> {
    const certificate = await x509.X509CertificateGenerator.create({
      serialNumber: serial(),
      subject: [{ CN: ['quantix'] }],
      issuer: this.#certificate.subject,
      ...validity,
      signingAlgorithm: ALGORITHM,
      publicKey,
      signingKey: this.#keys.privateKey,
      extensions: [new x509.BasicConstraintsExtension(false, undefined, true), ...extensions],
    });
    return certificate.toString('pem');
  }
}

function makeKeys(): Promise<KeyPair> {
  return crypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
}

function serial(): string {
  return `01${randomBytes(8).toString('hex')}`;
}
