import * as z from 'zod';

const time = z.iso.datetime();

/** Maximum number of characters of a chain or a key. */
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
  /** `own`: signed by the control plane's authority; `given`: set by a person; `acme`: ordered and renewed by ACME. */
  origin: z.enum(['own', 'given', 'acme']),
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
  /** URL of the ACME directory that it was ordered from; `null` if it was not ordered. */
  directory: z.string().nullable(),
});
export type ShownCertificate = z.output<typeof shownCertificateSchema>;

/** Request to set another certificate, on the control plane's own machine. */
export const certificateRequestSchema = z.strictObject({
  /** For the audit log. */
  by: z.string().min(1).max(100),
  ...certificateGiven,
});
export type CertificateRequest = z.output<typeof certificateRequestSchema>;

/** A DNS name that a certificate can be ordered for. */
const dnsName = z
  .string()
  .max(253)
  .regex(
    /^(?!.*\.[0-9]+$)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*$/,
    'is not a name such as qvdc.example, in lower case',
  );

/** A certificate to order by ACME (RFC 8555). */
export const certificateOrdered = {
  /** URL of the certificate authority's ACME directory. */
  directory: z
    .url({
      protocol: /^https$/,
      error: 'is not an address such as https://ca.example/acme/directory',
    })
    .max(2048),
  /** DNS names under which the authority reaches port 443 of this machine. */
  names: z.array(dnsName).min(1).max(20),
  /** Mail address for messages of the authority. */
  contact: z.union([z.literal(''), z.email('is not a mail address')]).default(''),
  /** Root certificates (PEM) that are trusted for the connection to the authority; empty for those of the system. */
  authority: z.string().max(LONGEST).default(''),
};

/** Request to order a certificate, on the control plane's own machine. */
export const certificateOrderRequestSchema = z.strictObject({
  /** For the audit log. */
  by: z.string().min(1).max(100),
  ...certificateOrdered,
});
export type CertificateOrderRequest = z.output<typeof certificateOrderRequestSchema>;
