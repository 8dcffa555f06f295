import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import type { CacheDirectory } from '../cache/directory.ts';
import { writeFileAtomically } from '../process/atomic-write.ts';
import { sha256 } from '../step/digest.ts';
import { type ImagePlan, listSteps } from './plan.ts';

const stepSchema = z.object({
  name: z.string(),
  key: z.string(),
  inputs: z.record(z.string(), z.union([z.string(), z.number()])),
});

const recordSchema = z.object({
  /** Size in bytes and modification time of the file when it was made. */
  size: z.number(),
  mtimeMs: z.number(),
  sha256: z.string(),
  /** Whether results made by others are in the image. */
  isOfOthers: z.boolean().default(false),
  steps: z.array(stepSchema),
});

/**
 * Record of a built image, by which a build stops early if nothing has changed, and `explain` shows what has changed.
 */
export type ImageRecord = z.infer<typeof recordSchema>;

/** Reads the record of an image file; `undefined` if it was never built or the record is unreadable. */
export function readRecord(cache: CacheDirectory, image: string): ImageRecord | undefined {
  const file = recordFile(cache, image);
  if (!existsSync(file)) return undefined;
  try {
    return recordSchema.safeParse(JSON.parse(readFileSync(file, 'utf8'))).data;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/**
 * Whether an image file is the result of this plan, unchanged since it was built.
 * @param others whether results made by others may be in the image
 */
export function isUpToDate(
  record: ImageRecord | undefined,
  image: string,
  plan: ImagePlan,
  others: 'allowed' | 'forbidden' = 'allowed',
): boolean {
  const file = statSync(image, { throwIfNoEntry: false });
  return (
    record !== undefined &&
    (others === 'allowed' || !record.isOfOthers) &&
    file?.size === record.size &&
    file.mtimeMs === record.mtimeMs &&
    record.steps.some((step) => step.key === plan.iso.key)
  );
}

/** Writes the record of an image file that was just built. */
export async function writeRecord(
  cache: CacheDirectory,
  image: string,
  {
    plan,
    sha256: digest,
    isOfOthers = false,
  }: { plan: ImagePlan; sha256: string; isOfOthers?: boolean },
): Promise<void> {
  const { size, mtimeMs } = statSync(image);
  const record: ImageRecord = {
    size,
    mtimeMs,
    sha256: digest,
    isOfOthers,
    steps: listSteps(plan).map(({ name, key, inputs }) => ({
      name,
      key,
      inputs: { ...inputs },
    })),
  };
  const file = recordFile(cache, image);
  await writeFileAtomically(file, JSON.stringify(record));
}

function recordFile(cache: CacheDirectory, image: string): string {
  return join(cache.images, `${sha256(image).slice(0, 32)}.json`);
}
