import { X509Certificate } from 'node:crypto';
import { AgentError } from '../../configuration/error.ts';
import type { NodeKey } from './key.ts';

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----/g;

/** Largest number of certificates in one file. */
const MOST = 16;

/**
 * Parses certificates in PEM, at least one.
 * @param where names the file or address, for messages
 * @throws AgentError if there is none, or one cannot be parsed
 */
export function parseCertificates(pem: string, where: string): X509Certificate[] {
  const texts = pem.match(CERTIFICATE) ?? [];
  if (texts.length === 0 || texts.length > MOST) {
    throw new AgentError({ what: `${texts.length} certificates instead of 1 to ${MOST}`, where });
  }
  try {
    return texts.map((text) => new X509Certificate(text));
  } catch (cause) {
    throw new AgentError({ what: 'a certificate cannot be read', where, cause });
  }
}

export interface Chain {
  /** The node's own certificate first, then those between it and the CA. */
  readonly chain: readonly X509Certificate[];
  readonly cas: readonly X509Certificate[];
  readonly key: NodeKey;
  readonly where: string;
}

/**
 * Checks that a chain begins with a certificate of the node's key and ends at one of the CAs. Does not check validity
 * periods.
 * @throws AgentError if not
 */
export function checkChain({ chain, cas, key, where }: Chain): void {
  const [own] = chain;
  if (own === undefined || !own.checkPrivateKey(key.privateKey)) {
    throw new AgentError({ what: 'the certificate is not for this node’s key', where });
  }
  for (const [index, certificate] of chain.entries()) {
    if (cas.some((ca) => isIssuer(ca, certificate))) return;
    const next = chain[index + 1];
    if (next === undefined || !isIssuer(next, certificate)) break;
  }
  throw new AgentError({ what: 'the certificate is not signed by the CA', where });
}

function isIssuer(issuer: X509Certificate, certificate: X509Certificate): boolean {
  return issuer.ca && certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey);
}
