import * as z from 'zod';
import { deploymentSchema } from './agent.ts';
import { maintenanceSchema } from './maintenance.ts';

/** The agent's health: `GET /healthz`. */
export const healthSchema = z.object({
  /** False while the agent lacks something that it needs; see `problems`. */
  ok: z.boolean(),
  version: z.string(),
  managementAddress: z.string().nullable(),
  controlPlane: z.object({
    state: z.enum(['unconfigured', 'joining', 'connected', 'unreachable', 'refused']),
    address: z.string().nullable(),
    /** Why it is not connected. */
    problem: z.string().nullable(),
  }),
  /** Whether virtual machines survive a restart of the host, which needs libvirt's folders to be on a data disk. */
  dataDisk: z.object({ persistent: z.boolean(), problem: z.string().nullable() }),
  maintenance: maintenanceSchema,
  /** Agents that were deployed onto the image; `null` if there were none. */
  deployment: deploymentSchema.nullable(),
  problems: z.array(z.string()),
});

export type Health = z.infer<typeof healthSchema>;
