import * as z from 'zod';

const seenSchema = z.union([z.literal(['now', 'never']), z.iso.datetime()]);

/** A storage pool: `GET /v1/storage-pools`. A pool is a mount point or a volume group. */
export const poolSchema = z.object({
  /** Stable across readings and restarts: derived from the pool itself, such as its file system's UUID. */
  id: z.string(),
  name: z.string(),
  kind: z.enum(['directory', 'filesystem', 'lvm', 'nfs']),
  /** Mount point; `null` for a volume group or an unmounted pool. */
  path: z.string().nullable(),
  /** Source of the mount, or volume group: a device, `server:/export`, a name. */
  source: z.string(),
  /** `unknown` if it does not answer; all other values are then the last known ones. */
  health: z.enum(['healthy', 'degraded', 'failed', 'unmounted', 'unknown']),
  /** `now`, the time of its last answer (ISO 8601), or `never`. */
  seen: seenSchema,
  /** Why it is not healthy. */
  problem: z.string().nullable(),
  writable: z.boolean(),
  /** In bytes; 0 if it is not mounted. */
  total: z.number(),
  used: z.number(),
  available: z.number(),
  /** When its volumes were last listed: a large pool is reported before its list is complete. */
  volumesSeen: seenSchema,
  volumes: z.array(
    z.object({
      name: z.string(),
      path: z.string(),
      format: z.enum(['raw', 'qcow2', 'iso', 'lv', 'unknown']),
      /** Allocated bytes. */
      allocated: z.number(),
      /** Bytes that a virtual machine sees. */
      capacity: z.number(),
    }),
  ),
});

export const poolsSchema = z.array(poolSchema);

export type Pool = z.infer<typeof poolSchema>;

/** Request for a new pool: `POST /v1/storage-pools`. */
export const poolRequestSchema = z.strictObject({
  /** Whether to create a pool, or to import an existing one. */
  action: z.enum(['create', 'import']),
  /** The fields of a pool in `node.yaml` that can be set before the pool exists. */
  pool: z.strictObject({
    name: z.string(),
    path: z.string().optional(),
    nfs: z.string().optional(),
    directory: z.string().optional(),
    iscsi: z.strictObject({ target: z.string(), portals: z.array(z.string()) }).optional(),
    multipath: z.boolean().optional(),
    options: z.array(z.string()).optional(),
  }),
  /** Its disks, such as `/dev/sdb`. */
  disks: z
    .array(z.string().regex(/^\/dev\/[A-Za-z0-9][A-Za-z0-9_/-]*$/, 'must be a device in /dev'))
    .optional(),
  /** Whether to create a volume group on them. */
  lvm: z.boolean().optional(),
  /** Serial number of the disk whose content may be destroyed, or its path if it has none. */
  destroy: z.string().optional(),
});

export type PoolRequest = z.infer<typeof poolRequestSchema>;
