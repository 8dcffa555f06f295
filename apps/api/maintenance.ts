import * as z from 'zod';

/** Whether the host is in maintenance: `GET /v1/maintenance`. */
export const maintenanceSchema = z.object({
  /** It starts no virtual machine then, at a boot neither; what runs goes on. */
  on: z.boolean(),
  /** Why, as whoever began it said. */
  reason: z.string().nullable(),
  /** When it began, ISO 8601. */
  since: z.string().nullable(),
});

/** What is wanted: `POST /v1/maintenance`. */
export const maintenanceRequestSchema = z.strictObject({
  on: z.boolean(),
  reason: z.string().trim().min(1).max(200).nullish(),
});

export type Maintenance = z.infer<typeof maintenanceSchema>;
export type MaintenanceRequest = z.infer<typeof maintenanceRequestSchema>;
