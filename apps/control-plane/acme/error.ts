import { makePrintable } from '../../text/printable.ts';
import { CertificateError } from '../trust/given-certificate.ts';

/** Maximum number of characters that a message quotes from a server. */
const LONGEST = 300;

/** Thrown if a certificate authority issues no certificate. */
export class AcmeError extends CertificateError {}

/** Returns text of an untrusted server as one line that a terminal can show. */
export function quoteText(text: string): string {
  const line = makePrintable(text.replaceAll(/\s+/g, ' ')).trim();
  return line.length > LONGEST ? `${line.slice(0, LONGEST)}…` : line;
}
