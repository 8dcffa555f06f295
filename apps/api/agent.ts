import * as z from 'zod';

/** An agent that was deployed onto an image. */
const deployedSchema = z.object({
  version: z.string(),
  /** `null` where that is not known any more. */
  serial: z.number().nullable(),
  /** When it was put there, ISO 8601; `null` where that is not known any more. */
  since: z.string().nullable(),
});

/** How it stands with agents that were deployed onto this image. */
export const deploymentSchema = z.object({
  /** The agent that runs, if it is not the image's own. */
  runs: deployedSchema
    .extend({ state: z.enum(['on trial', 'confirmed', 'about to end']) })
    .nullable(),
  /** The last one that was taken back, and why, until the next one is deployed. */
  takenBack: deployedSchema.extend({ at: z.string(), reason: z.string() }).nullable(),
  /** Version of the image, whose own agent has the same one. */
  imageVersion: z.string(),
  /** Why a deployed agent is gone at the next restart of the host; `null` if it stays until the next image. */
  lost: z.string().nullable(),
});

/** The agent that answers: `GET /v1/agent`. */
export const agentSchema = z.object({
  version: z.string(),
  pid: z.number(),
  /** Seconds since it was started. */
  runningFor: z.number(),
  /** The deployed agent that it is; `null` if it is the image's own. */
  id: z.string().nullable(),
  /** `null` where nothing was deployed or taken back. */
  deployment: deploymentSchema.nullable(),
});

export type Deployment = z.infer<typeof deploymentSchema>;
export type Agent = z.infer<typeof agentSchema>;
