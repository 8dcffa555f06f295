import * as z from 'zod';

/** An interface as described by `qx-network status --json`. */
export const interfaceSchema = z.object({
  name: z.string(),
  kind: z.string(),
  mac: z.string(),
  carrier: z.boolean(),
  /** In Mbit/s. */
  speed: z.number().nullable(),
  method: z.enum(['dhcp', 'static', 'off']).nullable(),
  source: z.string().nullable(),
  addresses: z.array(z.object({ address: z.string(), prefix: z.number() })),
  /** In bytes. */
  mtu: z.number().nullable(),
  /** The configured routes, each in the form `SUBNET/PREFIX via GATEWAY`. */
  routes: z.array(z.string()),
  /** Its configured type. */
  type: z.enum(['bridge', 'bond', 'vlan']).nullable(),
  /** The bridge or bond that it is a port of. */
  master: z.string().nullable(),
  ports: z.array(z.string()),
  vlan: z.object({ link: z.string(), id: z.number() }).nullable(),
  ipv6: z.object({
    method: z.enum(['auto', 'static', 'off']).nullable(),
    addresses: z.array(
      z.object({
        address: z.string(),
        prefix: z.number(),
        /** `router`: advertised by a router; `static`: configured; `link`: link-local. */
        origin: z.enum(['router', 'static', 'link']),
      }),
    ),
    gateway: z.string().nullable(),
  }),
  gateway: z.string().nullable(),
  dns: z.array(z.string()),
  ssid: z.string().nullable(),
  dhcp: z
    .object({
      pid: z.number(),
      lease: z
        .object({ address: z.string(), server: z.string().nullable(), seconds: z.number() })
        .nullable(),
    })
    .nullable(),
  /** Seconds until a change on trial is undone unless it is confirmed. */
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
  /** Files that are ignored, each with the reason: it contains a mistake, or its interface does not exist. */
  problems: z.array(z.string()),
});

export type Interface = z.infer<typeof interfaceSchema>;
export type Network = z.infer<typeof networkSchema>;
