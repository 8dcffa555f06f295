import * as z from 'zod';

/** An agent that was deployed onto an image. */
const deployedSchema = z.object({
  version: z.string(),
  /** `null` if it is no longer known. */
  serial: z.number().nullable(),
  /** Time of its deployment, ISO 8601; `null` if it is no longer known. */
  since: z.string().nullable(),
});

/** The state of agents that were deployed onto this image. */
export const deploymentSchema = z.object({
  /** The running agent, if it is not the image's own. */
  runs: deployedSchema
    .extend({ state: z.enum(['on trial', 'confirmed', 'about to end']) })
    .nullable(),
  /** The last agent that was rolled back, and why; `null` if there is none, or another one was deployed since. */
  takenBack: deployedSchema.extend({ at: z.string(), reason: z.string() }).nullable(),
  /** Version of the image and of the agent in it. */
  imageVersion: z.string(),
  /** Why a deployed agent is lost at the host's next restart; `null` if it remains until the image is replaced. */
  lost: z.string().nullable(),
});

/** The running agent: `GET /v1/agent`. */
export const agentSchema = z.object({
  version: z.string(),
  pid: z.number(),
  /** Seconds since its start. */
  runningFor: z.number(),
  /** Id of the deployed agent; `null` if it is the image's own agent. */
  id: z.string().nullable(),
  /** `null` if no agent was deployed or rolled back. */
  deployment: deploymentSchema.nullable(),
});

export type Deployment = z.infer<typeof deploymentSchema>;
export type Agent = z.infer<typeof agentSchema>;
