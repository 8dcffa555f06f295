import * as z from 'zod';

/**
 * States of a domain, named as in libvirt (`virDomainState`); `unknown` if libvirt lists the domain but does not
 * describe it. The other fields then have their last known values; if there are none, `name` is the UUID, and numbers
 * are 0.
 */
export const vmStateSchema = z.enum([
  'running',
  'blocked',
  'paused',
  'shutdown',
  'shutoff',
  'crashed',
  'pmsuspended',
  'nostate',
  'unknown',
]);

export const vmSchema = z.object({
  /** UUID. */
  id: z.string(),
  name: z.string(),
  state: vmStateSchema,
  /** Virtual processors. */
  cpus: z.number(),
  /** In bytes. */
  memory: z.number(),
  /** Whether its definition remains after it ends, and after a restart of the host. */
  persistent: z.boolean(),
  autostart: z.boolean(),
});

/** Virtual machines: `GET /v1/vms`. Empty without libvirt; `problem` says why. */
export const vmsSchema = z.object({
  libvirt: z.discriminatedUnion('available', [
    z.object({ available: z.literal(true), version: z.string() }),
    z.object({ available: z.literal(false), problem: z.string() }),
  ]),
  vms: z.array(vmSchema),
});

export type VmState = z.infer<typeof vmStateSchema>;
export type Vm = z.infer<typeof vmSchema>;
export type Vms = z.infer<typeof vmsSchema>;
