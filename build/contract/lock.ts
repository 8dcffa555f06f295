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
  /** Key of its repository in `repositories`. */
  repository: z.string().min(1),
  /** Path below the repository's address. */
  path: relativePath,
  /** Size of the archive in bytes. */
  size: z.int().positive(),
  sha256,
  /** The kernel flavour whose images contain it; absent if all do. */
  flavour: z.enum(['virt', 'full']).optional(),
  /** Name of the source package if it differs; advisories refer to source packages. */
  source: z.string().min(1).optional(),
  /** Debian: version of the source package if it differs. */
  sourceVersion: z.string().min(1).optional(),
  /** Licence stated in the package index, if any. */
  license: z.string().min(1).optional(),
  /** Debian: packages of the lock whose files this package may overwrite (Debian Policy 7.6). */
  replaces: z.array(z.string().min(1)).min(1).optional(),
  /** apk: the package's stanza in the signed index, letter → value; `C` is its identity. */
  apk: z.record(z.string().length(1), z.string()).optional(),
});

export const lockSchema = z.strictObject({
  /** Format version of this file. */
  format: z.literal(1),
  profile: z.string(),
  base: z.enum(BASE_NAMES),
  /** Architecture of all packages. */
  architecture: z.enum(ARCHITECTURE_NAMES),
  /** What the profile asked for when the lock was resolved; shows which names differ once the profile changes. */
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
  /** Time stamp of every file in the image and of the image itself, in seconds since 1970. */
  sourceDateEpoch: z.int().positive(),
  /** The state of each repository that the packages were resolved from. */
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

/** One exact package. */
export type LockedPackage = z.infer<typeof lockedPackageSchema>;

/** The fields of a locked package that affect an image; the location of its archive does not. */
export type PackageContent = Pick<
  LockedPackage,
  'name' | 'version' | 'sha256' | 'replaces' | 'apk'
>;

/** Returns the fields of a locked package that affect an image. */
export function selectPackageContent({
  name,
  version,
  sha256,
  replaces,
  apk,
}: LockedPackage): PackageContent {
  return { name, version, sha256, ...(replaces && { replaces }), ...(apk && { apk }) };
}

/** Everything needed to build the same image again: `profiles/<name>.<base>.<architecture>.lock.json`. */
export type Lock = z.infer<typeof lockSchema>;
