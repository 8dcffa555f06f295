import { normalize } from 'node:path';
import * as z from 'zod';
import { isSystemPath } from './system-path.ts';

const nameSchema = z
  .string()
  .regex(
    /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/,
    'must be letters, digits, dots and dashes, 63 at most',
  );

const pathSchema = z
  .string()
  .max(4096)
  .refine((path) => path.startsWith('/') && normalize(path) === path && !/\/$|\0/.test(path), {
    error: 'must be an absolute path without "..", doubled slashes and a slash at its end',
    abort: true,
  })
  .refine((path) => !isSystemPath(path), { error: "is one of the system's own folders" });

const exportSchema = z
  .string()
  .max(4096)
  .regex(/^([A-Za-z0-9][A-Za-z0-9._-]*|\[[0-9a-fA-F:.]+\]):\/\S*$/, 'must be server:/export');

/** UUID of a file system, as mkfs and blkid(8) write it. */
const uuidSchema = z.guid('must be the UUID of a file system').toLowerCase();

/** Names of volume groups (lvm(8)). */
const groupSchema = z
  .string()
  .regex(/^[A-Za-z0-9_+.][A-Za-z0-9_+.-]{0,126}$/, 'must be the name of a volume group')
  .refine((name) => name !== '.' && name !== '..', 'must be the name of a volume group');

/** iSCSI names (RFC 3720, 3.2.6.3). */
const targetSchema = z
  .string()
  .regex(
    /^(iqn\.\d{4}-\d{2}\.[a-z0-9.-]+(:[a-z0-9.:-]*)?|(eui|naa)\.[0-9A-Fa-f]{16,32})$/,
    'must be a name of iSCSI, such as iqn.2026-01.example:disks',
  );

const portalSchema = z
  .string()
  .regex(
    /^([A-Za-z0-9][A-Za-z0-9.-]{0,252}|\[[0-9a-fA-F:.]{2,45}\])(:\d{1,5})?$/,
    'must be an address, with a port if it is not 3260',
  );

const optionSchema = z
  .string()
  .regex(
    /^[a-z][a-z0-9_]*(=[A-Za-z0-9_.:/-]+)?$/,
    'must be one option of mount, such as nfsvers=3',
  );

const iscsiSchema = z.strictObject({
  target: targetSchema,
  /** Addresses of the target. With several, the disk has several paths. */
  portals: z.array(portalSchema).min(1).max(16),
});

/** Keys that determine the kind of a pool; at most one may be set. */
const WHAT = ['nfs', 'disk', 'lvm', 'directory'] as const;

const declarationSchema = z
  .strictObject({
    name: nameSchema,
    /**
     * Mount point; `/pools/NAME` if absent. If it is the only key besides the name, the agent does not mount the pool.
     */
    path: pathSchema.optional(),
    /** `server:/export`. */
    nfs: exportSchema.optional(),
    /** UUID of the file system on a disk. */
    disk: uuidSchema.optional(),
    /** Serial number of the disk: another disk with the same file system UUID is not used. */
    serial: z.string().min(1).max(256).optional(),
    /** A volume group. */
    lvm: groupSchema.optional(),
    /** A folder on a file system that is mounted elsewhere. */
    directory: pathSchema.optional(),
    /** The target that provides the disk. */
    iscsi: iscsiSchema.optional(),
    /** Whether the disk has several paths; the default is true with several portals. */
    multipath: z.boolean().optional(),
    /** Options of mount(8). */
    options: z.array(optionSchema).max(32).optional(),
  })
  .refine((pool) => WHAT.filter((one) => pool[one] !== undefined).length <= 1, {
    error: 'must have only one of nfs, disk, lvm and directory',
  })
  .refine((pool) => pool.path !== undefined || WHAT.some((one) => pool[one] !== undefined), {
    error: 'must have one of path, nfs, disk, lvm and directory',
  })
  .refine(({ path, lvm, directory }) => path === undefined || (lvm ?? directory) === undefined, {
    error: 'a path is for pools that are mounted: nfs and disk',
  })
  .refine(({ options, nfs, disk }) => options === undefined || (nfs ?? disk) !== undefined, {
    error: 'options are for pools that are mounted: nfs and disk',
  })
  .refine(
    ({ iscsi, multipath, disk, lvm }) =>
      (iscsi ?? multipath) === undefined || (disk ?? lvm) !== undefined,
    { error: 'iscsi and multipath are for disk and lvm' },
  )
  .refine(({ serial, disk }) => serial === undefined || disk !== undefined, {
    error: 'a serial is for disk only',
  });

/** Pools that an administrator declares: `pools` of `/quantix/node/node.yaml`. Unknown keys are refused. */
export const poolDeclarationsSchema = z
  .array(declarationSchema)
  .max(256)
  .refine((pools) => new Set(pools.map(({ name }) => name)).size === pools.length, {
    error: 'two pools have the same name',
  })
  .refine((pools) => new Set(pools.map(placeOf)).size === pools.length, {
    error: 'two pools have the same path',
  });

export type PoolDeclaration = z.infer<typeof declarationSchema>;

/** Folder for pools whose declaration sets no path. */
const POOLS = '/pools';

/** Returns the mount point or folder of a pool; for a volume group, `lvm:` and its name. */
export function placeOf({ name, path, directory, lvm }: PoolDeclaration): string {
  return lvm === undefined ? (path ?? directory ?? `${POOLS}/${name}`) : `lvm:${lvm}`;
}
