import { z } from 'zod';
import { ARCHITECTURE_NAMES } from '../architecture.ts';
import { BASE_NAMES } from '../bases.ts';

const sha256 = z.string().regex(/^[0-9a-f]{64}$/, 'is not a SHA-256 in hex');
const relativePath = z
  .string()
  .regex(/^(?!\/)(?!.*(?:^|\/)\.\.(?:\/|$))[\x21-\x7e]+$/, 'is not a relative path');

export const lockedPackageSchema = z.strictObject({
  name: z.string().min(1),
  version: z.string().min(1),
  architecture: z.string().min(1),
  /** Key of the repository (in `repositories`) it comes from. */
  repository: z.string().min(1),
  /** Path below the repository's address. */
  path: relativePath,
  /** Bytes of the archive. */
  size: z.int().positive(),
  sha256,
  /** Only in images with this kernel flavour; in all if absent. */
  flavour: z.enum(['virt', 'full']).optional(),
  /** Name of the source package, where it has another one: advisories go by it. */
  source: z.string().min(1).optional(),
  /** Debian: version of the source package, where it is not that of this one. */
  sourceVersion: z.string().min(1).optional(),
  /** Licence as the package states it in its index, if it does. */
  license: z.string().min(1).optional(),
  /** Debian: packages of the lock whose files give way to this one's where both have one (Debian Policy 7.6). */
  replaces: z.array(z.string().min(1)).min(1).optional(),
  /** apk: what the signed index says of it, letter → value; `C` is its identity. */
  apk: z.record(z.string().length(1), z.string()).optional(),
});

export const lockSchema = z.strictObject({
  /** Format of this file. */
  format: z.literal(1),
  profile: z.string(),
  base: z.enum(BASE_NAMES),
  /** What the packages are built for; each package says its own name of it. */
  architecture: z.enum(ARCHITECTURE_NAMES),
  /** What the profile asked for when this was resolved; tells which names differ when it changed. */
  request: z.strictObject({
    packages: z.array(z.string()),
    kernel: z.strictObject({ virt: z.string().optional(), full: z.string().optional() }),
    /** Packages of one flavour only; absent if there are none. */
    flavours: z
      .strictObject({
        virt: z.array(z.string()).optional(),
        full: z.array(z.string()).optional(),
      })
      .optional(),
    without: z.array(z.string()),
    suite: z.string(),
  }),
  /** Seconds since 1970 of every file in the image, and of the image itself. */
  sourceDateEpoch: z.int().positive(),
  /** The state of each repository it was resolved against. */
  repositories: z.record(
    z.string(),
    z.strictObject({
      suite: z.string(),
      /** Date of the signed index, ISO 8601. */
      date: z.string(),
      /** SHA-256 of the signed index (`InRelease`, `APKINDEX.tar.gz`). */
      sha256,
    }),
  ),
  /** Sorted by name, then flavour. */
  packages: z.array(lockedPackageSchema),
});

/** One package, to the byte. */
export type LockedPackage = z.infer<typeof lockedPackageSchema>;

/** What of a locked package shapes an image; where its archive lies does not. */
export type PackageContent = Pick<
  LockedPackage,
  'name' | 'version' | 'sha256' | 'replaces' | 'apk'
>;

/** What of a locked package shapes an image. */
export function packageContent({
  name,
  version,
  sha256,
  replaces,
  apk,
}: LockedPackage): PackageContent {
  return { name, version, sha256, ...(replaces && { replaces }), ...(apk && { apk }) };
}

/** Everything that is needed to build an image again: `profiles/<name>.<base>.<architecture>.lock.json`. */
export type Lock = z.infer<typeof lockSchema>;
