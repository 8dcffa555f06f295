import * as z from 'zod';

/** The backups that the control plane makes by itself. */
export const backupsSchema = z.object({
  /** Folder in which they are. */
  folder: z.string(),
  /** The newest one; each was restored once into a scratch database. `null` if there is none, or it is not known. */
  newest: z.object({ name: z.string(), madeAt: z.iso.datetime() }).nullable(),
  /** What is wrong with them, as a clause; `null` if nothing is. */
  problem: z.string().nullable(),
  /** Whether there is a passphrase for them: without one, none is made. */
  hasPassphrase: z.boolean(),
  /** Time of day, in UTC, at which one is made each day: `02:30`. */
  at: z.string(),
});
export type Backups = z.output<typeof backupsSchema>;
