import { createHash } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { hashFile } from '../process/hash-file.ts';
import type { RemadeFile } from '../release/rebuild.ts';
import type { ReleaseFile } from '../release/release-files.ts';
import { describeDiskDifference, describePlace, findFirstDifference } from './first-difference.ts';

/** A release in its folder. */
export interface ReleaseInFolder {
  folder: string;
  files: readonly ReleaseFile[];
}

/**
 * Compares a published release with a rebuilt one. A file is equal if it has the SHA-256 of the published list, even if
 * the published folder lacks it; for a different file, the first difference is reported. Parts of manifests and
 * provenances that differ between runs, such as times and the builder, are ignored.
 * @returns all files of both, by name
 * @throws if a rebuilt file cannot be read
 */
export async function compareReleases(
  published: ReleaseInFolder,
  remade: ReleaseInFolder,
  signal?: AbortSignal,
): Promise<RemadeFile[]> {
  const made = new Map(remade.files.map((file) => [file.path, file]));
  const results: RemadeFile[] = [];
  for (const file of published.files) {
    const { path, sha256 } = file;
    const other = made.get(path);
    made.delete(path);
    if (other === undefined) results.push({ path, result: 'missing', sha256 });
    else if (await isSame(file, other, [published.folder, remade.folder])) {
      results.push({ path, result: 'same', sha256, remade: other.sha256 });
    } else {
      const difference = await describeDifference(file, published.folder, remade.folder, signal);
      results.push({ path, result: 'differs', sha256, remade: other.sha256, ...difference });
    }
  }
  for (const { path, sha256 } of made.values()) {
    results.push({ path, result: 'extra', remade: sha256 });
  }
  return results.toSorted((a, b) => (a.path < b.path ? -1 : 1));
}

async function describeDifference(
  { path, sha256, kind }: ReleaseFile,
  published: string,
  remade: string,
  signal: AbortSignal | undefined,
): Promise<{ offset?: number; place?: string }> {
  const [before, after] = [join(published, path), join(remade, path)];
  const there = await stat(before).catch(() => undefined);
  if (there?.isFile() !== true) {
    return { place: 'the published file is not here, so it cannot be compared' };
  }
  if ((await hashFile(before, [], signal)).whole !== sha256) {
    return { place: 'the file that is here differs from the published one' };
  }
  const offset = await findFirstDifference(before, after, signal);
  if (offset === undefined) return {};
  const place =
    kind === 'raw'
      ? await describeDiskDifference(before, after, signal)
      : describePlace(after, offset);
  return { offset, ...(place === undefined ? {} : { place }) };
}

const record = z.record(z.string(), z.unknown());

const statementSchema = z.looseObject({
  predicate: z.looseObject({
    runDetails: z.looseObject({
      byproducts: z.array(z.looseObject({ name: z.string() })),
    }),
  }),
});

/** Kind of file → its content without parts that differ between runs; undefined if it cannot be read. */
const SAID: Partial<Record<ReleaseFile['kind'], (json: unknown) => unknown>> = {
  manifest: (json) => {
    const { success, data } = record.safeParse(json);
    return success ? { ...data, steps: undefined } : undefined;
  },
  provenance: (json) => {
    const { success, data } = statementSchema.safeParse(json);
    if (!success) return undefined;
    const { predicate, ...said } = data;
    const { runDetails, ...of } = predicate;
    // The manifest's hash depends on the times in it; the manifest is compared separately.
    const byproducts = runDetails.byproducts.filter(({ name }) => !name.endsWith('.manifest.json'));
    return { ...said, predicate: { ...of, runDetails: { byproducts } } };
  },
};

async function isSame(
  file: ReleaseFile,
  remade: ReleaseFile,
  folders: readonly [string, string],
): Promise<boolean> {
  if (file.sha256 === remade.sha256) return true;
  const said = SAID[file.kind];
  if (said === undefined) return false;
  const [before, after] = await Promise.all(
    folders.map((folder) => readFile(join(folder, file.path)).catch(() => undefined)),
  );
  // Only a file with the published hash can show that the rebuilt one is the same.
  if (before === undefined || after === undefined || sha256(before) !== file.sha256) return false;
  const [one, other] = [said(parse(before)), said(parse(after))];
  return one !== undefined && JSON.stringify(one) === JSON.stringify(other);
}

function parse(text: Buffer): unknown {
  try {
    return JSON.parse(text.toString('utf8'));
  } catch {
    return undefined;
  }
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
