import * as z from 'zod';

/** Whether the host is in maintenance: `GET /v1/maintenance`. */
export const maintenanceSchema = z.object({
  /** While it is on, no virtual machine is started, not even at boot; running ones continue. */
  on: z.boolean(),
  /** The reason given when it was started. */
  reason: z.string().nullable(),
  /** Time of its start, ISO 8601. */
  since: z.string().nullable(),
});

/** The requested state: `POST /v1/maintenance`. */
export const maintenanceRequestSchema = z.strictObject({
  on: z.boolean(),
  reason: z.string().trim().min(1).max(200).nullish(),
});

export type Maintenance = z.infer<typeof maintenanceSchema>;
export type MaintenanceRequest = z.infer<typeof maintenanceRequestSchema>;
