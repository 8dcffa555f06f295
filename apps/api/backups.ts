import * as z from 'zod';

/** The backups that the control plane makes by itself. */
export const backupsSchema = z.object({
  /** Path of their folder. */
  folder: z.string(),
  /** The newest one, verified by restoring it into a scratch database; `null` if there is none, or it is unknown. */
  newest: z.object({ name: z.string(), madeAt: z.iso.datetime() }).nullable(),
  /** The problem with them, as a clause; `null` if there is none. */
  problem: z.string().nullable(),
  /** Whether a passphrase is set for them; without one, no backup is made. */
  hasPassphrase: z.boolean(),
  /** Time in UTC at which one is made every day, such as `02:30`. */
  at: z.string(),
});
export type Backups = z.output<typeof backupsSchema>;
