import * as z from 'zod';

/** `guests` of `node.yaml`: how all guests stop and start with the host. */
export const guestSettingsSchema = z.strictObject({
  /** Seconds that guests have to shut down before they are powered off. */
  stopWithin: z.number().int().min(0).max(3600).default(120),
  /**
   * Whether the guests that ran when the host went down, also by a power failure, start at the next boot, in addition
   * to those marked autostart.
   */
  startWhatRan: z.boolean().default(false),
});

export type GuestSettings = z.infer<typeof guestSettingsSchema>;
