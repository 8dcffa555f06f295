import { ControlError } from '../configuration/error.ts';
import type { Connection } from './connection/connection.ts';
import { certificateRequest } from './identity/certificate-request.ts';
import { parseCertificates } from './identity/chain.ts';
import { type Credentials, checkValidity, credentialsOf } from './identity/credentials.ts';

export interface Renewal {
  readonly connection: Connection;
  readonly credentials: Credentials;
  /** The control plane's address, for messages. */
  readonly origin: string;
  /** Milliseconds since 1970. */
  readonly now: number;
  readonly signal: AbortSignal;
}

/**
 * Asks for a new certificate for the same key.
 * @throws ControlError if what comes cannot be used, or no CA of it is trusted already; the error of the call
 */
export async function renew(renewal: Renewal): Promise<Credentials> {
  const { connection, credentials, origin, now, signal } = renewal;
  const { key } = credentials;
  const request = { certificateRequest: await certificateRequest(key) };
  const answer = await connection.client.renewCertificate(request, { signal });
  const { certificateChain, caCertificates } = answer;
  const renewed = credentialsOf({ key, certificateChain, caCertificates, where: origin });
  checkValidity(renewed, now);
  const trusted = fingerprints(credentials, origin);
  if (fingerprints(renewed, origin).isDisjointFrom(trusted)) {
    throw new ControlError({ what: 'the new CA is not among those trusted so far', where: origin });
  }
  return renewed;
}

function fingerprints({ caCertificates }: Credentials, where: string): Set<string> {
  return new Set(parseCertificates(caCertificates, where).map((one) => one.fingerprint256));
}
