import * as z from 'zod';

/** An interface as `qx-network status --json` tells of it. */
export const interfaceSchema = z.object({
  name: z.string(),
  kind: z.string(),
  mac: z.string(),
  carrier: z.boolean(),
  /** Mbit/s. */
  speed: z.number().nullable(),
  method: z.enum(['dhcp', 'static']).nullable(),
  source: z.string().nullable(),
  addresses: z.array(z.object({ address: z.string(), prefix: z.number() })),
  gateway: z.string().nullable(),
  dns: z.array(z.string()),
  ssid: z.string().nullable(),
  dhcp: z
    .object({
      pid: z.number(),
      lease: z.object({ address: z.string(), server: z.string(), seconds: z.number() }).nullable(),
    })
    .nullable(),
  /** Seconds until a change on trial is undone, unless it is confirmed before. */
  confirm: z.number().nullable(),
  problem: z.string().nullable(),
});

/** The network: `GET /v1/network`, and the output of `qx-network status --json`. */
export const networkSchema = z.object({
  persistent: z.boolean(),
  hostname: z.string(),
  /** Interface of the preferred default route. */
  default: z.string().nullable(),
  interfaces: z.array(interfaceSchema),
  /** Files that count for nothing, each with the reason: set aside with a mistake, or of no interface that is there. */
  problems: z.array(z.string()),
});

export type Interface = z.infer<typeof interfaceSchema>;
export type Network = z.infer<typeof networkSchema>;
