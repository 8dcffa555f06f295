import { existsSync } from 'node:fs';
import { z } from 'zod';
import { parseInstalled } from '../base/alpine/installed/read.ts';
import type { ComparedPackage } from '../lock/compare.ts';
import { readJson } from '../process/read-json.ts';
import { FileRange } from '../readback/file-range.ts';
import { hashRange } from './nodes.ts';

/** Database of installed packages in Alpine's root filesystem. */
export const INSTALLED = 'lib/apk/db/installed';

/** The part of a build manifest that lists the packages of an image; see `buildManifest`. */
const manifestSchema = z.object({
  iso: z.object({ sha256: z.string() }),
  inputs: z.object({
    packages: z.array(z.object({ name: z.string(), version: z.string(), sha256: z.string() })),
  }),
});

/**
 * Returns the packages of an image: from the database in it (Alpine) or, because images contain no database of Debian,
 * from the manifest beside it, if that belongs to exactly this image.
 * @param installed text of the database, if there is one
 * @param say receives a line for the user if the packages are unknown
 * @throws BuildError if the database is malformed
 */
export function readPackages(
  image: string,
  installed: string | undefined,
  say: (line: string) => void,
): ComparedPackage[] | undefined {
  if (installed !== undefined) {
    const records = parseInstalled(installed, `/${INSTALLED} in ${image}`);
    return records.map(({ fields }) => ({
      ...{ name: fields.get('P') ?? '', version: fields.get('V') ?? '' },
      size: sizeIn(fields.get('S')),
    }));
  }
  const found = packagesOfManifest(`${image}.manifest.json`, image);
  if (Array.isArray(found)) return found;
  say(`${image}: its packages are unknown: ${found}`);
  return undefined;
}

/** Parses the size of an archive in apk's databases, in bytes. */
function sizeIn(text: string | undefined): number | undefined {
  return text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}

/** Returns the packages in a manifest, or why the manifest is not that of the image. */
function packagesOfManifest(manifest: string, image: string): ComparedPackage[] | string {
  if (!existsSync(manifest)) return 'there is no database of them in it, and no manifest beside it';
  const parsed = manifestSchema.safeParse(readJson(manifest));
  if (!parsed.success) return `${manifest} is not a build manifest`;
  using range = FileRange.open(image);
  const { iso, inputs } = parsed.data;
  if (hashRange(range).digest('hex') === iso.sha256) return inputs.packages;
  return `${manifest} is the manifest of another image`;
}
