import * as z from 'zod';

const slotName = z.enum(['a', 'b']);

/**
 * The outcome of an update: `confirmed` and in use, `taken-back` because it was not healthy, `not-tried` because it
 * never booted.
 */
export const outcomeSchema = z.object({
  /** The version of the update, and the version before. */
  version: z.string(),
  before: z.string(),
  result: z.enum(['confirmed', 'taken-back', 'not-tried']),
  /** Why it was rolled back, one reason per line. */
  reasons: z.array(z.string()),
  /** Time of the outcome, ISO 8601. */
  at: z.string(),
});

/** The state of a machine's updates: `qx-update status --json`. */
export const updateStatusSchema = z.object({
  product: z.string(),
  /** The running version. */
  version: z.string(),
  /**
   * `live`: not installed. `good`: the confirmed version runs. `trial`: an unconfirmed version runs. `refused`: see
   * `problem`.
   */
  state: z.enum(['live', 'good', 'trial', 'refused']),
  /** Why it is `refused`: no update is possible then. */
  problem: z.string().nullable(),
  /** The slot that the machine was booted from. */
  booted: slotName.nullable(),
  slots: z.array(
    z.object({
      slot: slotName,
      /** Version of the image in it; `null` if there is no complete image. */
      version: z.string().nullable(),
      /** Serial of its release; `null` for an image without a release. */
      serial: z.number().nullable(),
      /** Whether it is the confirmed slot, which boots by default. */
      good: z.boolean(),
    }),
  ),
  /** The slot from which the next boots are tried, and the number of remaining tries. */
  trial: z.object({ slot: slotName, left: z.number() }).nullable(),
  /** Progress of writing an image: `done` of `bytes`; `problem` says why it has failed or waits before a retry. */
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
  /** Names of the keys that releases must be signed with; without keys, no update is possible. */
  keys: z.array(z.string()),
});

export type UpdateOutcome = z.infer<typeof outcomeSchema>;
export type UpdateStatus = z.infer<typeof updateStatusSchema>;
