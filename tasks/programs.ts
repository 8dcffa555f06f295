import { BlobStore } from '../build/cache/blob-store.ts';
import { fetchAll, requireCached } from '../build/cache/fetch.ts';
import type { PreparedImage } from '../build/image/prepare.ts';
import { makeSea } from '../build/image/steps/sea.ts';
import { type ArchivedRuntime, archiveAddresses, type Runtime } from '../build/sea/runtime.ts';
import type { StepCache, StepResult } from '../build/step/cache.ts';
import type { StageReport } from './ui/stage.ts';

/**
 * The executable with the programs of an image, from the cache or made now. Node's archive, where one is needed, is
 * downloaded only to make it.
 * @returns `undefined` if the image has no programs
 */
export async function makePrograms(
  { facts, plan, lockRequest }: PreparedImage,
  steps: StepCache,
  report: StageReport,
): Promise<StepResult | undefined> {
  const { programs } = facts;
  if (plan.sea === undefined || programs === undefined) return undefined;
  const { runtime } = programs;
  return steps.run(plan.sea, async (directory) => {
    const archive = await nodeArchive(runtime, lockRequest, report);
    await makeSea(directory, facts, { runtime, archive, signal: lockRequest.signal });
  });
}

type Fetching = Pick<PreparedImage['lockRequest'], 'cache' | 'mirror' | 'offline' | 'signal'>;

/** Path of the archive that a runtime comes in, downloaded and checked; none if npm brought it. */
async function nodeArchive(
  runtime: Runtime,
  { cache, mirror, offline, signal }: Fetching,
  report: StageReport,
): Promise<string | undefined> {
  if (runtime.from === 'npm') return undefined;
  const store = new BlobStore(cache, report.say);
  const items = [nodeDownload(runtime, mirror)];
  if (offline === true) return (await requireCached(items, store)).get(runtime.sha256);
  const { files } = await fetchAll(items, {
    store,
    signal,
    onProgress: ({ bytesDone, bytesTotal }) => report.progress(bytesDone, bytesTotal),
  });
  return files.get(runtime.sha256);
}

/** The archive as a file to download. */
export function nodeDownload(runtime: ArchivedRuntime, mirror: string | undefined) {
  const { version, sha256, size } = runtime;
  return { name: `Node ${version}`, urls: archiveAddresses(runtime, mirror), sha256, size };
}
