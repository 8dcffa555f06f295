import * as z from 'zod';

/** An entry of the audit log: who did what, from where, and with what result. */
export const fleetAuditEntrySchema = z.object({
  /** 1, 2, 3 … without gaps. */
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
  /** Address and program that it came from; null where it came from this machine. */
  address: z.string().nullable(),
  userAgent: z.string().nullable(),
  /** SHA-256 in hex over the hash before and this entry. */
  hash: z.string(),
});
export type FleetAuditEntry = z.output<typeof fleetAuditEntrySchema>;

/** Entries in their order. `more`: there are others beyond them. */
export const fleetAuditSchema = z.object({
  entries: z.array(fleetAuditEntrySchema),
  more: z.boolean(),
});

/** What is wrong with the audit log, at an entry or at a range of them. */
export const auditFindingSchema = z.object({
  what: z.enum(['changed', 'removed', 'inserted', 'unlinked']),
  from: z.int(),
  to: z.int(),
});
export type AuditFinding = z.output<typeof auditFindingSchema>;

/** The audit log, looked through. */
export const auditVerdictSchema = z.object({
  /** Entries that were looked at. */
  entries: z.int(),
  /** The last entry; noted elsewhere, it proves later that nothing before it was changed. */
  head: z.object({ sequence: z.int(), hash: z.string() }),
  /** The first findings; none if it is whole. */
  findings: z.array(auditFindingSchema),
});
export type AuditVerdict = z.output<typeof auditVerdictSchema>;
