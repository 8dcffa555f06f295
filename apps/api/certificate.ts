import * as z from 'zod';

const time = z.iso.datetime();

/** Characters of a chain or a key, at most. */
const LONGEST = 24_000;

/** PEM of a certificate and all that lead to its root, and of its key. */
export const certificateGiven = {
  /** The server's own certificate first, each further one that of who signed the one before; the root may be left out. */
  chain: z.string().min(1).max(LONGEST),
  /** Without a passphrase. */
  key: z.string().min(1).max(LONGEST),
};

/** What the port of people shows. Times are ISO 8601, in UTC. */
export const shownCertificateSchema = z.object({
  /** Whether it is one that the control plane's authority signed, or one that was given. */
  origin: z.enum(['own', 'given']),
  /** SHA-256 of the certificate, in hexadecimal digits. */
  fingerprint: z.hex(),
  /** Names and addresses for which it is good. */
  names: z.array(z.string()),
  validFrom: time,
  validTo: time,
  /** Certificates that are shown: its own, and those that lead to its root. */
  certificates: z.int(),
  /** Who gave it, and when; `null` for the control plane's own. */
  setBy: z.string().nullable(),
  setAt: time.nullable(),
});
export type ShownCertificate = z.output<typeof shownCertificateSchema>;

/** Gives another one, on the control plane's own machine. */
export const certificateRequestSchema = z.strictObject({
  /** For the audit log. */
  by: z.string().min(1).max(100),
  ...certificateGiven,
});
export type CertificateRequest = z.output<typeof certificateRequestSchema>;
