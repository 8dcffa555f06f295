import * as z from 'zod';

/** Where the control plane listens for its own machine: a Unix socket that its account and root may open. */
export const CONTROL_PLANE_SOCKET = '/run/quantix-vdc/controlplane.sock';

/** How the control plane fares: `GET /readyz`. */
export const readinessSchema = z.object({
  /** Whether it can serve. */
  ready: z.boolean(),
  version: z.string(),
  /** Why it cannot serve. */
  problem: z.string().optional(),
  /** Why it is ready to tell of its health and to do nothing else yet; absent if it does all. */
  limited: z.string().optional(),
  /** Version of the database's schema. */
  schemaVersion: z.number().optional(),
  services: z.array(
    z.object({
      name: z.string(),
      state: z.enum(['ok', 'failed', 'unknown']),
      /** Why it failed; empty if it did not. */
      problem: z.string(),
      /** When it was asked. */
      askedAt: z.iso.datetime().optional(),
    }),
  ),
  /** What is wrong with the control plane itself, and nobody has resolved yet. */
  alerts: z.array(
    z.object({
      severity: z.string(),
      title: z.string(),
      message: z.string(),
      createdAt: z.iso.datetime(),
    }),
  ),
  /** Whether what it keeps outlives a restart. */
  persistent: z.boolean().optional(),
});

export type Readiness = z.infer<typeof readinessSchema>;
