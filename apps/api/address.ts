import * as z from 'zod';

/** The facts about a host that matter for a change of the control plane's address. */
const addressedNode = z.object({
  id: z.uuid(),
  hostname: z.string(),
  isHeard: z.boolean(),
  /** Whether it has reported that it has stored the present list of addresses. */
  isAware: z.boolean(),
  /** Address of this machine to which it sent its last heartbeat; `null` if it sent none since the service started. */
  over: z.string().nullable(),
  /** Number of its heartbeats since the service started. */
  heartbeats: z.int(),
});

/** The addresses at which hosts find the control plane, and which hosts have stored them. */
export const fleetAddressSchema = z.object({
  port: z.int(),
  /** All addresses announced to hosts, such as `https://10.0.0.5:9443`: present, planned and configured ones. */
  origins: z.array(z.string()),
  /** Addresses of a planned change: those at the time of planning, and the new one. Empty if no change is planned. */
  planned: z.array(z.string()),
  /** Sorted by name. Hosts that have left are not listed. */
  nodes: z.array(addressedNode),
});
export type FleetAddress = z.output<typeof fleetAddressSchema>;

/** Request to announce to hosts an address that this machine will have. */
export const addressPlanSchema = z.strictObject({
  /** For the audit log. */
  by: z.string().min(1).max(100),
  address: z.union([z.ipv4(), z.ipv6()]),
});
export type AddressPlan = z.output<typeof addressPlanSchema>;

/** How a planned change of the address ended. */
export const ADDRESS_OUTCOMES = ['changed', 'undone', 'withdrawn'] as const;
export type AddressOutcome = (typeof ADDRESS_OUTCOMES)[number];

/** Request to end a planned change: only the present addresses are announced to hosts again. */
export const addressEndSchema = z.strictObject({
  by: z.string().min(1).max(100),
  outcome: z.enum(ADDRESS_OUTCOMES),
});
export type AddressEnd = z.output<typeof addressEndSchema>;
