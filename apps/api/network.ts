import * as z from 'zod';

/** An interface as `qx-network status --json` tells of it. */
export const interfaceSchema = z.object({
  name: z.string(),
  kind: z.string(),
  mac: z.string(),
  carrier: z.boolean(),
  /** Mbit/s. */
  speed: z.number().nullable(),
  method: z.enum(['dhcp', 'static', 'off']).nullable(),
  source: z.string().nullable(),
  addresses: z.array(z.object({ address: z.string(), prefix: z.number() })),
  /** Bytes. */
  mtu: z.number().nullable(),
  /** As configured, each `SUBNET/PREFIX via GATEWAY`. */
  routes: z.array(z.string()),
  /** What a file makes it. */
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
        /** Advertised by a router, set, or good on this link only. */
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
