import { X509Certificate } from 'node:crypto';
import { connect, type DetailedPeerCertificate, type TLSSocket } from 'node:tls';
import { deriveServerName } from '../../../proto/names.ts';
import { AgentError, RefusedError } from '../../configuration/error.ts';

export interface Pinning {
  /** `https://host:port`. */
  readonly origin: string;
  /** SHA-256 of the CA's DER, in lower-case hex. */
  readonly fingerprint: string;
  /** Milliseconds since 1970, by this host's clock. */
  readonly now: number;
  readonly signal: AbortSignal;
}

/** Milliseconds for connecting and the TLS handshake. */
const PATIENCE = 10_000;

/**
 * Asks a control plane for its certificates, and selects the CA that has the fingerprint. Nothing is sent on this
 * connection, so it need not be trusted; the next one is verified with the CA as usual.
 * @returns the CA in PEM
 * @throws RefusedError if it presents no such CA
 * @throws AgentError if this host's clock is outside the validity of the control plane's certificates
 * @throws the error of the connection
 */
export async function fetchPinnedCa(pinning: Pinning): Promise<string> {
  const { origin, fingerprint, now } = pinning;
  const shown = await shownCertificates(pinning);
  const ca = shown.find((one) => computeFingerprint(one) === fingerprint);
  if (ca?.ca !== true) {
    throw new RefusedError({
      what: `the control plane shows no CA with the token’s fingerprint ${fingerprint}`,
      where: origin,
      fix: 'The token may be of another control plane, or another machine answers in its place.',
    });
  }
  for (const certificate of shown) checkClock(certificate, origin, now);
  return ca.toString();
}

/** Returns the SHA-256 of a certificate's DER, in lower-case hex. */
export function computeFingerprint(certificate: X509Certificate): string {
  return certificate.fingerprint256.replaceAll(':', '').toLowerCase();
}

function checkClock(certificate: X509Certificate, where: string, now: number): void {
  const { validFromDate: from, validToDate: to } = certificate;
  if (now >= from.getTime() && now <= to.getTime()) return;
  throw new AgentError({
    what:
      `this host’s clock says ${new Date(now).toISOString()}, and the control plane’s certificate is valid from ` +
      `${from.toISOString()} to ${to.toISOString()}`,
    where,
    fix: 'Set the clock, then join again.',
  });
}

function shownCertificates({ origin, fingerprint, signal }: Pinning): Promise<X509Certificate[]> {
  const url = new URL(origin);
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1');
  const { promise, resolve, reject } = Promise.withResolvers<X509Certificate[]>();
  const socket = connect({
    host,
    // `url.port` is empty for the default port of https.
    port: url.port === '' ? 443 : Number(url.port),
    servername: deriveServerName(fingerprint),
    rejectUnauthorized: false,
    ALPNProtocols: ['h2', 'http/1.1'],
  });
  const stop = () => reject(signal.reason);
  signal.addEventListener('abort', stop, { once: true });
  socket.once('secureConnect', () => resolve(chainOf(socket)));
  socket.once('error', reject);
  socket.setTimeout(PATIENCE, () =>
    reject(new AgentError({ what: `no answer within ${PATIENCE / 1000} s`, where: origin })),
  );
  if (signal.aborted) stop();
  return promise.finally(() => {
    signal.removeEventListener('abort', stop);
    socket.destroy();
  });
}

/**
 * Returns the certificates that the server sent; the server's certificate comes first. The chain ends at a self-signed
 * certificate, which is its own issuer.
 */
function chainOf(socket: TLSSocket): X509Certificate[] {
  const shown = new Map<string, X509Certificate>();
  let one: DetailedPeerCertificate | undefined = socket.getPeerCertificate(true);
  while (one?.raw !== undefined && !shown.has(one.fingerprint256)) {
    shown.set(one.fingerprint256, new X509Certificate(one.raw));
    one = one.issuerCertificate;
  }
  return [...shown.values()];
}
