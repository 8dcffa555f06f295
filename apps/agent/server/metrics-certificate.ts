import { X509Certificate } from 'node:crypto';
import { join } from 'node:path';
import { readIfThere, setAside, writeDurably } from '../../files/durable-file.ts';
import type { Clock } from '../../watch/clock.ts';

/** File of key and certificate, beside `node.yaml`. */
export const METRICS_CERTIFICATE = 'metrics.pem';

/** Name in the certificate, the same on each host: clients identify a host by the certificate itself. */
export const METRICS_NAME = 'metrics.quantix.internal';

const DAY = 86_400_000;
/** Validity of a certificate, and how long before its end a new one is made. */
const LIFE = 3650 * DAY;
const REST = 90 * DAY;

export interface MetricsCertificate {
  /** Key and certificate in PEM. */
  readonly key: string;
  readonly cert: string;
  /** SHA-256 of the certificate, in the format of openssl-x509(1). */
  readonly fingerprint: string;
}

/**
 * Reads key and certificate of the metrics port; makes new, self-signed ones if they are missing, invalid or about to
 * expire.
 * @param log receives a line for a person if the file is set aside
 * @throws DiskError
 */
export async function ensureMetricsCertificate(
  folder: string,
  { clock, log }: { clock: Clock; log: (line: string) => void },
): Promise<MetricsCertificate> {
  const file = join(folder, METRICS_CERTIFICATE);
  const text = await readIfThere(file);
  if (text !== undefined) {
    const kept = parse(text, clock.now());
    if (kept !== undefined) return kept;
    log(`${file} cannot be used any more: set aside as ${await setAside(file)}`);
  }
  const made = await make(clock.now());
  await writeDurably(file, `${made.key}\n${made.cert}\n`, 0o600);
  return made;
}

const KEY = /-----BEGIN PRIVATE KEY-----[A-Za-z0-9+/=\s]+-----END PRIVATE KEY-----/;
const CERTIFICATE = /-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----/;

function parse(text: string, now: number): MetricsCertificate | undefined {
  const [key] = KEY.exec(text) ?? [];
  const [cert] = CERTIFICATE.exec(text) ?? [];
  if (key === undefined || cert === undefined) return undefined;
  try {
    const { validToDate, fingerprint256 } = new X509Certificate(cert);
    if (validToDate.getTime() - now < REST) return undefined;
    return { key, cert, fingerprint: fingerprint256 };
  } catch {
    return undefined;
  }
}

async function make(now: number): Promise<MetricsCertificate> {
  await import('@abraham/reflection');
  const x509 = await import('@peculiar/x509');
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
  const keys = await crypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    name: [{ CN: [METRICS_NAME] }],
    notBefore: new Date(now - DAY),
    notAfter: new Date(now + LIFE),
    signingAlgorithm: algorithm,
    keys,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
      new x509.SubjectAlternativeNameExtension([{ type: 'dns', value: METRICS_NAME }]),
    ],
  });
  const cert = certificate.toString('pem');
  return {
    key: x509.PemConverter.encode(
      await crypto.subtle.exportKey('pkcs8', keys.privateKey),
      'PRIVATE KEY',
    ),
    cert,
    fingerprint: new X509Certificate(cert).fingerprint256,
  };
}
