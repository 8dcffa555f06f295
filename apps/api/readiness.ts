import * as z from 'zod';

/** Unix socket of the control plane for its own machine; only its account and root may open it. */
export const CONTROL_PLANE_SOCKET = '/run/quantix-vdc/controlplane.sock';

/** The control plane's readiness: `GET /readyz`. */
export const readinessSchema = z.object({
  /** Whether it can serve. */
  ready: z.boolean(),
  version: z.string(),
  /** Why it cannot serve. */
  problem: z.string().optional(),
  /** Why it reports its health but does nothing else yet; absent if it works fully. */
  limited: z.string().optional(),
  /** Version of the database's schema. */
  schemaVersion: z.number().optional(),
  services: z.array(
    z.object({
      name: z.string(),
      state: z.enum(['ok', 'failed', 'unknown']),
      /** Why it failed; empty if it did not fail. */
      problem: z.string(),
      /** Time of the last probe. */
      askedAt: z.iso.datetime().optional(),
    }),
  ),
  /** Open alerts about the control plane itself. */
  alerts: z.array(
    z.object({
      severity: z.string(),
      title: z.string(),
      message: z.string(),
      createdAt: z.iso.datetime(),
    }),
  ),
  /** Whether its data survives a restart. */
  persistent: z.boolean().optional(),
});

export type Readiness = z.infer<typeof readinessSchema>;
