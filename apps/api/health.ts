import * as z from 'zod';
import { deploymentSchema } from './agent.ts';
import { maintenanceSchema } from './maintenance.ts';

/** How the agent fares: `GET /healthz`. */
export const healthSchema = z.object({
  /** False while something that it needs is missing; `problems` says what. */
  ok: z.boolean(),
  version: z.string(),
  managementAddress: z.string().nullable(),
  controlPlane: z.object({
    state: z.enum(['unconfigured', 'joining', 'connected', 'unreachable', 'refused']),
    address: z.string().nullable(),
    /** Why it is not connected. */
    problem: z.string().nullable(),
  }),
  /** Whether virtual machines outlive a restart of the host: whether libvirt's folders lie on a data disk. */
  dataDisk: z.object({ persistent: z.boolean(), problem: z.string().nullable() }),
  maintenance: maintenanceSchema,
  /** Agents that were deployed onto the image; `null` where none was. */
  deployment: deploymentSchema.nullable(),
  problems: z.array(z.string()),
});

export type Health = z.infer<typeof healthSchema>;
