import { existsSync } from 'node:fs';
import { z } from 'zod';
import { parseInstalled } from '../base/alpine/installed/read.ts';
import type { ComparedPackage } from '../lock/compare.ts';
import { readJson } from '../process/read-json.ts';
import { FileRange } from '../readback/file-range.ts';
import { hashRange } from './nodes.ts';

/** Database of installed packages in a root filesystem from Alpine. */
export const INSTALLED = 'lib/apk/db/installed';

/** What of a build manifest says which packages are in an image; see `buildManifest`. */
const manifestSchema = z.object({
  iso: z.object({ sha256: z.string() }),
  inputs: z.object({
    packages: z.array(z.object({ name: z.string(), version: z.string(), sha256: z.string() })),
  }),
});

/**
 * The packages of an image: those of the database in it (Alpine) or, as Debian's is left out of images, those of the
 * manifest beside it, if that is the manifest of this very image.
 * @param installed the text of the database, if it has one
 * @param say receives a line for people if they cannot be told
 * @throws BuildError if the database is malformed
 */
export function packagesOf(
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
  say(`${image}: its packages are not told: ${found}`);
  return undefined;
}

/** Bytes of an archive as apk's databases have them. */
function sizeIn(text: string | undefined): number | undefined {
  return text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}

/** The packages in a manifest, or why they are not those of the image. */
function packagesOfManifest(manifest: string, image: string): ComparedPackage[] | string {
  if (!existsSync(manifest)) return 'there is no database of them in it, and no manifest beside it';
  const parsed = manifestSchema.safeParse(readJson(manifest));
  if (!parsed.success) return `${manifest} is no manifest of a build`;
  using range = FileRange.open(image);
  const { iso, inputs } = parsed.data;
  if (hashRange(range).digest('hex') === iso.sha256) return inputs.packages;
  return `${manifest} is the manifest of another image`;
}
