import * as z from 'zod';

/** An entry of the audit log: who did what, from where, and with what result. */
export const fleetAuditEntrySchema = z.object({
  /** 1, 2, 3 … without gaps; the oldest entries are removed after some time. */
  sequence: z.int(),
  id: z.string(),
  at: z.iso.datetime(),
  username: z.string(),
  userId: z.string().nullable(),
  action: z.string(),
  resource: z.object({
    type: z.string().nullable(),
    id: z.string().nullable(),
    name: z.string().nullable(),
  }),
  result: z.enum(['success', 'failure']),
  details: z.record(z.string(), z.unknown()),
  /** Address and user agent of the request; null if it came from this machine. */
  address: z.string().nullable(),
  userAgent: z.string().nullable(),
  /** SHA-256 in hex over the previous hash and this entry. */
  hash: z.string(),
});
export type FleetAuditEntry = z.output<typeof fleetAuditEntrySchema>;

/** Entries in order. `more`: whether there are further ones in the direction of reading. */
export const fleetAuditSchema = z.object({
  entries: z.array(fleetAuditEntrySchema),
  more: z.boolean(),
});

/** A problem of the audit log, at one entry or a range of entries. */
export const auditFindingSchema = z.object({
  what: z.enum(['changed', 'removed', 'inserted', 'unlinked']),
  from: z.int(),
  to: z.int(),
});
export type AuditFinding = z.output<typeof auditFindingSchema>;

/** The result of verifying the audit log. */
export const auditVerdictSchema = z.object({
  /** Number of verified entries. */
  entries: z.int(),
  /** The last entry that was removed for its age; its number is 0 if none was. */
  anchor: z.object({ sequence: z.int(), hash: z.string() }),
  /** The last entry. A copy of these values kept elsewhere proves later that no entry up to this one was changed. */
  head: z.object({ sequence: z.int(), hash: z.string() }),
  /** The first findings; empty if the log is intact. */
  findings: z.array(auditFindingSchema),
});
export type AuditVerdict = z.output<typeof auditVerdictSchema>;
