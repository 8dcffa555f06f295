import * as z from 'zod';

/** `guests` of `node.yaml`: what becomes of all guests when the host goes down and comes up. */
export const guestSettingsSchema = z.strictObject({
  /** Seconds that guests have to shut down before their power is cut. */
  stopWithin: z.number().int().min(0).max(3600).default(120),
  /** Whether what ran before the host went down, also by a cut of its power, starts with it; else what is marked autostart. */
  startWhatRan: z.boolean().default(false),
});

export type GuestSettings = z.infer<typeof guestSettingsSchema>;
