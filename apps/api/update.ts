import * as z from 'zod';

const slotName = z.enum(['a', 'b']);

/** What became of an update: `confirmed` and used, `taken-back` since it was not well, `not-tried` since it never came up. */
export const outcomeSchema = z.object({
  /** Version that was tried, and the one that was there before. */
  version: z.string(),
  before: z.string(),
  result: z.enum(['confirmed', 'taken-back', 'not-tried']),
  /** Why it was taken back, a line each. */
  reasons: z.array(z.string()),
  /** When that was known, ISO 8601. */
  at: z.string(),
});

/** How updates of a machine stand: `qx-update status --json`. */
export const updateStatusSchema = z.object({
  product: z.string(),
  /** Version that runs. */
  version: z.string(),
  /** `live`: not installed. `good`: the confirmed version runs. `trial`: a version runs that is not confirmed yet. */
  state: z.enum(['live', 'good', 'trial', 'refused']),
  /** Why it is `refused`: nothing is updated then. */
  problem: z.string().nullable(),
  /** The slot that the machine was booted from. */
  booted: slotName.nullable(),
  slots: z.array(
    z.object({
      slot: slotName,
      /** Version of the image in it; `null` if there is none that is whole. */
      version: z.string().nullable(),
      /** Serial of its release; `null` for an image that came without one. */
      serial: z.number().nullable(),
      /** Whether this one was confirmed last, and is booted. */
      good: z.boolean(),
    }),
  ),
  /** What the next boots try, and how many of them are left. */
  trial: z.object({ slot: slotName, left: z.number() }).nullable(),
  /** What is being written just now, bytes; with why it waits before it asks again, or did not end well. */
  staging: z
    .object({
      version: z.string(),
      done: z.number(),
      bytes: z.number(),
      running: z.boolean(),
      problem: z.string().nullable(),
    })
    .nullable(),
  last: outcomeSchema.nullable(),
  /** Releases with a lower serial are refused. */
  floor: z.number(),
  server: z.string().nullable(),
  channel: z.string(),
  /** Names of the keys that releases are signed with; without any there is no update. */
  keys: z.array(z.string()),
});

export type UpdateOutcome = z.infer<typeof outcomeSchema>;
export type UpdateStatus = z.infer<typeof updateStatusSchema>;
