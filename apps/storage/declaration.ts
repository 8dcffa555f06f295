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

const declarationSchema = z
  .strictObject({
    name: nameSchema,
    /** Where the pool's file system is mounted. If nothing is, the pool is unmounted, whatever else is in the folder. */
    path: pathSchema.optional(),
    /** `server:/export`, wherever it is mounted. */
    nfs: exportSchema.optional(),
    /** A folder of a file system that is mounted further up. */
    directory: pathSchema.optional(),
  })
  .refine(
    ({ path, nfs, directory }) =>
      [path, nfs, directory].filter((one) => one !== undefined).length === 1,
    { error: 'must have exactly one of path, nfs and directory' },
  );

/** Pools that an administrator declares: `pools` of `/quantix/node/node.yaml`. An unknown key is refused. */
export const poolDeclarationsSchema = z
  .array(declarationSchema)
  .max(256)
  .refine((pools) => new Set(pools.map(({ name }) => name)).size === pools.length, {
    error: 'two pools have the same name',
  });

export type PoolDeclaration = z.infer<typeof declarationSchema>;
