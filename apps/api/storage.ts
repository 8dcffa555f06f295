import * as z from 'zod';

const seenSchema = z.union([z.literal(['now', 'never']), z.iso.datetime()]);

/** A place for volumes: `GET /v1/storage-pools`. A pool is a mount point or a volume group, never a path's prefix. */
export const poolSchema = z.object({
  /** The same at each look and after each restart: made from what the pool is, such as a file system's UUID. */
  id: z.string(),
  name: z.string(),
  kind: z.enum(['directory', 'filesystem', 'lvm', 'nfs']),
  /** Where it is mounted; `null` for a volume group or an unmounted pool. */
  path: z.string().nullable(),
  /** What is mounted: a device, `server:/export`, a volume group. */
  source: z.string(),
  /** `unknown` if it does not answer: all else is what was last seen then. */
  health: z.enum(['healthy', 'degraded', 'failed', 'unmounted', 'unknown']),
  /** `now`, or when it last answered (ISO 8601), or `never`. */
  seen: seenSchema,
  /** Why it is not healthy. */
  problem: z.string().nullable(),
  writable: z.boolean(),
  /** Bytes; 0 where it is not mounted. */
  total: z.number(),
  used: z.number(),
  available: z.number(),
  /** When its volumes were listed: a large pool is told before that is done, and lists go on beside it. */
  volumesSeen: seenSchema,
  volumes: z.array(
    z.object({
      name: z.string(),
      path: z.string(),
      format: z.enum(['raw', 'qcow2', 'iso', 'lv', 'unknown']),
      /** Bytes that it takes up. */
      allocated: z.number(),
      /** Bytes that a virtual machine sees. */
      capacity: z.number(),
    }),
  ),
});

export const poolsSchema = z.array(poolSchema);

export type Pool = z.infer<typeof poolSchema>;

/** What is to become a pool: `POST /v1/storage-pools`. */
export const poolRequestSchema = z.strictObject({
  /** To make one, or to take over what is there. */
  action: z.enum(['create', 'import']),
  /** What can be said of it in `node.yaml` before it is there. */
  pool: z.strictObject({
    name: z.string(),
    path: z.string().optional(),
    nfs: z.string().optional(),
    directory: z.string().optional(),
    iscsi: z.strictObject({ target: z.string(), portals: z.array(z.string()) }).optional(),
    multipath: z.boolean().optional(),
    options: z.array(z.string()).optional(),
  }),
  /** Disks that it is on, such as `/dev/sdb`. */
  disks: z
    .array(z.string().regex(/^\/dev\/[A-Za-z0-9][A-Za-z0-9_/-]*$/, 'must be a device in /dev'))
    .optional(),
  /** Whether a volume group is made of them. */
  lvm: z.boolean().optional(),
  /** Serial number of the disk whose contents may be lost. */
  destroy: z.string().optional(),
});

export type PoolRequest = z.infer<typeof poolRequestSchema>;
