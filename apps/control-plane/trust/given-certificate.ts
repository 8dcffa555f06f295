import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { duplexPair } from 'node:stream';
import { connect, createSecureContext, TLSSocket } from 'node:tls';
import { messageOf } from '../../error.ts';
import { ControlPlaneError } from '../error.ts';
import type { ServerCertificate } from './authority.ts';

/** Maximum number of certificates in a chain, and minimum number of bits of an RSA key. */
const MOST = 8;
const LEAST_BITS = 2048;

/** Curves of keys that all browsers accept. */
const CURVES = ['prime256v1', 'secp384r1'];

/** Extended key usage of servers (RFC 5280, 4.2.1.12). */
const SERVER_AUTH = '1.3.6.1.5.5.7.3.1';

/** Milliseconds within which a server and a client in this process must complete their handshake. */
const WITHIN = 10_000;

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----/g;

/** A certificate chain and its private key, in PEM. */
export interface GivenCertificate {
  readonly chain: string;
  readonly key: string;
}

/** A given certificate that a server can use. */
export interface ExaminedCertificate extends ServerCertificate {
  /** Certificates of the chain. */
  readonly certificates: readonly X509Certificate[];
  /** Names and addresses for which it is valid. */
  readonly names: readonly string[];
}

/** Thrown for a certificate that cannot be used. */
export class CertificateError extends ControlPlaneError {}

/**
 * Checks whether a server can use a certificate with browsers: each certificate of the chain is signed by the next one,
 * strong enough and valid now; the first one matches the key, is for servers and has names.
 * @param now milliseconds since 1970
 * @throws CertificateError naming the first failed check
 */
export function examineCertificate(given: GivenCertificate, now: number): ExaminedCertificate {
  try {
    return examine(given, now);
  } catch (cause) {
    if (cause instanceof CertificateError) throw cause;
    // A key of an unknown kind, or an invalid date.
    const what = `a certificate cannot be understood: ${messageOf(cause)}`;
    throw new CertificateError({ what, cause });
  }
}

function examine(given: GivenCertificate, now: number): ExaminedCertificate {
  const certificates = readChain(given.chain);
  const [own] = certificates;
  if (own === undefined) {
    throw new CertificateError({
      what: 'there is no certificate',
      fix: 'It is text with -----BEGIN CERTIFICATE-----: openssl x509 -inform DER -in FILE makes it of DER.',
    });
  }
  const key = readKey(given.key);
  if (!own.checkPrivateKey(key)) {
    throw new CertificateError({
      what: `the key is not that of the first certificate (${nameOf(own)})`,
      fix: 'The certificate of the server itself comes first, those that lead to its root after it.',
    });
  }
  expectOrder(certificates);
  expectServer(own);
  for (const one of certificates) {
    expectStrong(one);
    expectValid(one, now);
  }
  const names = listNames(own);
  if (names.length === 0) {
    throw new CertificateError({
      what: `the certificate (${nameOf(own)}) is for no name: browsers look at its subject alternative names alone`,
      fix: 'Have it made with the names and addresses by which people come here.',
    });
  }
  return {
    ...{ certificates, names, key: key.export({ format: 'pem', type: 'pkcs8' }).toString() },
    chain: certificates.map(String).join(''),
    validity: {
      from: Math.max(...certificates.map(({ validFromDate }) => validFromDate.getTime())),
      to: Math.min(...certificates.map(({ validToDate }) => validToDate.getTime())),
    },
  };
}

/**
 * Returns the names and addresses of a certificate (RFC 5280, 4.2.1.6); kinds that browsers do not use are left out.
 */
export function listNames({ subjectAltName }: X509Certificate): string[] {
  const found = (subjectAltName ?? '').matchAll(/(?:^|, )(?:DNS|IP Address):([\w.:*-]+)(?=,|$)/g);
  return [...found].flatMap(([, name]) => (name === undefined ? [] : [name]));
}

/**
 * Proves with a server and clients in this process that TLS 1.2 and 1.3 connections succeed if the clients trust the
 * last certificate of the chain.
 * @throws CertificateError if one fails
 */
export async function proveCertificate(examined: ExaminedCertificate): Promise<void> {
  await Promise.all([testHandshake(examined, 'TLSv1.2'), testHandshake(examined, 'TLSv1.3')]);
}

async function testHandshake(
  { certificates, chain, key, names }: ExaminedCertificate,
  version: 'TLSv1.2' | 'TLSv1.3',
): Promise<void> {
  const [ours, theirs] = duplexPair();
  const [name = ''] = names;
  const fail = (cause: unknown) =>
    new CertificateError({
      what: `the certificate fails with ${version}: ${messageOf(cause)}`,
      fix: 'Nothing was changed.',
      cause,
    });
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  let server: TLSSocket | undefined;
  let client: TLSSocket | undefined;
  const limit = setTimeout(() => reject(new Error('no answer in time')), WITHIN);
  try {
    const context = createSecureContext({ key, cert: chain });
    server = new TLSSocket(ours, { isServer: true, secureContext: context });
    server.once('error', reject);
    client = connect(
      {
        ...{ socket: theirs, host: name.replace(/^\*/, 'www') },
        ...{ ca: String(certificates.at(-1)), allowPartialTrustChain: true },
        ...{ minVersion: version, maxVersion: version },
      },
      resolve,
    );
    client.once('error', reject);
    await promise;
  } catch (cause) {
    throw fail(cause);
  } finally {
    clearTimeout(limit);
    client?.destroy();
    server?.destroy();
  }
}

function readChain(text: string): X509Certificate[] {
  if (/-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(text)) {
    throw new CertificateError({
      what: 'the certificates have a key among them',
      fix: 'Give the key in a file of its own.',
    });
  }
  const texts = text.match(CERTIFICATE) ?? [];
  if (texts.length > MOST) {
    throw new CertificateError({
      what: `these are ${texts.length} certificates`,
      fix: 'Give that of the server and those that lead to its root.',
    });
  }
  return texts.map((one, index) => {
    try {
      return new X509Certificate(one);
    } catch (cause) {
      const what = `certificate ${index + 1} cannot be read: ${messageOf(cause)}`;
      throw new CertificateError({ what, cause });
    }
  });
}

function readKey(text: string): KeyObject {
  if (/-----BEGIN ENCRYPTED |Proc-Type: 4,ENCRYPTED/.test(text)) {
    throw new CertificateError({
      what: 'the key has a passphrase',
      fix: 'openssl pkey -in KEY -out PLAIN writes it without; remove that file afterwards.',
    });
  }
  let key: KeyObject;
  try {
    key = createPrivateKey(text);
  } catch (cause) {
    const what = `the key cannot be read: ${messageOf(cause)}`;
    throw new CertificateError({
      what,
      fix: 'It is text with -----BEGIN PRIVATE KEY-----.',
      cause,
    });
  }
  return key;
}

/** @throws CertificateError unless each certificate was signed by the next */
function expectOrder(certificates: readonly X509Certificate[]): void {
  for (const [index, one] of certificates.entries()) {
    const next = certificates[index + 1];
    if (next === undefined || isSignedBy(one, next)) continue;
    const signer = certificates.find((other) => other !== one && isSignedBy(one, other));
    throw new CertificateError({
      what: `certificate ${index + 2} (${nameOf(next)}) is not the issuer of certificate ${index + 1} (${nameOf(one)})`,
      fix:
        signer === undefined
          ? `Put that of ${one.issuer.replaceAll('\n', ', ')} between them, or leave out what does not belong there.`
          : `Certificate ${certificates.indexOf(signer) + 1} is: put it there.`,
    });
  }
}

function isSignedBy(one: X509Certificate, signer: X509Certificate): boolean {
  return signer.ca && one.checkIssued(signer) && one.verify(signer.publicKey);
}

function expectServer(own: X509Certificate): void {
  if (own.ca) {
    throw new CertificateError({
      what: `the first certificate (${nameOf(own)}) is one of an authority, which some browsers do not take for a server's`,
      fix: 'Sign one for the server with it. openssl req -x509 makes one that is no authority with -addext basicConstraints=critical,CA:FALSE.',
    });
  }
  // Node calls the extended key usage `keyUsage`.
  const { keyUsage: purposes } = own;
  if (purposes === undefined || purposes.includes(SERVER_AUTH)) return;
  throw new CertificateError({
    what: `the certificate (${nameOf(own)}) is not one for servers`,
    fix: 'Have it made with the extended key usage serverAuth.',
  });
}

/** @throws CertificateError if browsers refuse its key or the hash of its signature */
function expectStrong(one: X509Certificate): void {
  const { asymmetricKeyType: type, asymmetricKeyDetails: details } = one.publicKey;
  const isStrong =
    type === 'ec'
      ? CURVES.includes(details?.namedCurve ?? '')
      : type === 'rsa' && (details?.modulusLength ?? 0) >= LEAST_BITS;
  if (!isStrong) {
    const size = details?.namedCurve ?? details?.modulusLength ?? '';
    throw new CertificateError({
      what: `the key of ${nameOf(one)} (${`${type} ${size}`.trim()}) is not accepted by all browsers`,
      fix: `Have one made for a key of ECDSA on P-256 or P-384, or of RSA with ${LEAST_BITS} bits or more.`,
    });
  }
  // The signature of a root is not checked by browsers.
  const isRoot = one.subject === one.issuer;
  if (isRoot || !/sha1|md[245]/i.test(one.signatureAlgorithm ?? '')) return;
  throw new CertificateError({
    what: `the certificate ${nameOf(one)} is signed with ${one.signatureAlgorithm}, which browsers refuse`,
    fix: 'Have it signed with SHA-256.',
  });
}

function expectValid(one: X509Certificate, now: number): void {
  const { validFromDate: from, validToDate: to } = one;
  if (now >= from.getTime() && now < to.getTime()) return;
  const isOver = now >= to.getTime();
  throw new CertificateError({
    what: isOver
      ? `the certificate ${nameOf(one)} ended at ${to.toISOString()}`
      : `the certificate ${nameOf(one)} begins at ${from.toISOString()} only`,
    fix: `This machine's clock says ${new Date(now).toISOString()}; qx-time status shows whether it is right.`,
  });
}

/** Returns the name of a certificate in one line. */
function nameOf({ subject, subjectAltName }: X509Certificate): string {
  const name = (subject ?? '') === '' ? (subjectAltName ?? '') : subject;
  const line = name.replaceAll('\n', ', ').slice(0, 100);
  return line === '' ? 'without a name' : line;
}
