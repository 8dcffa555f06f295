import { AgentError } from '../../configuration/error.ts';
import { checkChain, parseCertificates } from './chain.ts';
import type { NodeKey } from './key.ts';

/** A node's key and certificates for the control plane, and the CAs that it trusts. */
export interface Credentials {
  readonly key: NodeKey;
  /** PEM: the node's certificate and those between it and the CA. */
  readonly certificateChain: string;
  /** PEM. */
  readonly caCertificates: string;
  /** Begin and end of the certificate's validity, in milliseconds since 1970. */
  readonly validFrom: number;
  readonly validTo: number;
}

export interface Certificates {
  readonly key: NodeKey;
  readonly certificateChain: string;
  readonly caCertificates: string;
  /** File or address that they come from, for messages. */
  readonly where: string;
}

/**
 * Makes credentials from certificates that came from outside.
 * @throws AgentError if they cannot be parsed, do not match the node's key, or are not signed by the CA
 */
export function makeCredentials({ where, ...certificates }: Certificates): Credentials {
  const chain = parseCertificates(certificates.certificateChain, where);
  const cas = parseCertificates(certificates.caCertificates, where);
  checkChain({ chain, cas, key: certificates.key, where });
  return {
    ...certificates,
    validFrom: Math.max(...chain.map((one) => one.validFromDate.getTime())),
    validTo: Math.min(...chain.map((one) => one.validToDate.getTime())),
  };
}

/** Returns whether a third or less of the certificate's validity is left. @param now milliseconds since 1970 */
export function isRenewalDue({ validFrom, validTo }: Credentials, now: number): boolean {
  return now >= validTo - (validTo - validFrom) / 3;
}

/**
 * Checks the certificate's validity by this host's clock.
 * @param now milliseconds since 1970
 * @throws AgentError that names both times
 */
export function checkValidity({ validFrom, validTo }: Credentials, now: number): void {
  const clock = `this host’s clock says ${new Date(now).toISOString()}`;
  if (now < validFrom) {
    throw new AgentError({
      what: `the node’s certificate begins at ${new Date(validFrom).toISOString()}, and ${clock}`,
      fix: 'Set the clock.',
    });
  }
  if (now > validTo) {
    throw new AgentError({
      what: `the node’s certificate ended at ${new Date(validTo).toISOString()}, and ${clock}`,
      fix: 'If the clock is right, join again with a new token.',
    });
  }
}
