import * as z from 'zod';

const time = z.iso.datetime();

/** Most characters of a chain or a key. */
const LONGEST = 24_000;

/** PEM of a certificate chain, and of its key. */
export const certificateGiven = {
  /** The server's own certificate first, each followed by its issuer's; the root may be left out. */
  chain: z.string().min(1).max(LONGEST),
  /** Without a passphrase. */
  key: z.string().min(1).max(LONGEST),
};

/** The certificate of the port for people. Times are ISO 8601, in UTC. */
export const shownCertificateSchema = z.object({
  /** Whether the control plane's authority signed it, or it was given. */
  origin: z.enum(['own', 'given']),
  /** SHA-256 of the certificate, in hexadecimal. */
  fingerprint: z.hex(),
  /** Names and addresses for which it is valid. */
  names: z.array(z.string()),
  validFrom: time,
  validTo: time,
  /** Number of certificates in its chain. */
  certificates: z.int(),
  /** Who set it, and when; `null` for the control plane's own. */
  setBy: z.string().nullable(),
  setAt: time.nullable(),
});
export type ShownCertificate = z.output<typeof shownCertificateSchema>;

/** Request to set another certificate, on the control plane's own machine. */
export const certificateRequestSchema = z.strictObject({
  /** For the audit log. */
  by: z.string().min(1).max(100),
  ...certificateGiven,
});
export type CertificateRequest = z.output<typeof certificateRequestSchema>;
