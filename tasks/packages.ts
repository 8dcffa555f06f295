import pLimit from 'p-limit';
import { BlobStore } from '../build/cache/blob-store.ts';
import { PackageGone } from '../build/cache/download-error.ts';
import { fetchAll, requireCached } from '../build/cache/fetch.ts';
import { OpenedStore } from '../build/cache/opened.ts';
import type { LockedPackage } from '../build/contract/lock.ts';
import type { PackageScript } from '../build/contract/scripts.ts';
import { BuildError, must } from '../build/error.ts';
import { listPackages } from '../build/image/facts.ts';
import { type PreparedImage, withLock } from '../build/image/prepare.ts';
import { type LockRequest, lockWithout, resolveRequest } from '../build/lock/current.ts';
import type { RemoteCache } from '../build/remote-cache/remote-cache.ts';
import type { Entry } from '../build/tree/entry.ts';
import type { StageReport } from './ui/stage.ts';

/** Maximum number of archives opened at the same time: decompressing one uses one core. */
const OPEN_AT_ONCE = 2;

/** Packages in the cache, and their image, whose lock may have changed during the download. */
export interface FetchedPackages {
  image: PreparedImage;
  /** SHA-256 of each package → its entries, in the archive's order. */
  entries: ReadonlyMap<string, readonly Entry[]>;
  /** Scripts of the packages, none of which is run. */
  scripts: readonly PackageScript[];
  /** Number of packages that had to be downloaded. */
  downloaded: number;
}

/**
 * Makes sure that all packages of an image are in the cache, verified and opened.
 * @param remote remote cache that is tried before the mirrors, and receives the packages that it lacks
 * @param gone packages that no mirror has any more, found so far
 * @throws BuildError if a package cannot be fetched or opened; errors of resolving the image again
 */
export async function fetchPackages(
  image: PreparedImage,
  report: StageReport,
  remote?: RemoteCache,
  gone: readonly string[] = [],
): Promise<FetchedPackages> {
  const { cache, signal } = image.lockRequest;
  const store = new BlobStore(cache, report.say);
  try {
    const { items, findRoute } = await listDownloads(
      image.lockRequest,
      listPackages(image.facts.lock, image.facts.flavour),
    );
    if (image.lockRequest.offline === true) {
      const files = await requireCached(items, store);
      return { image, ...(await openAll(image, files)), downloaded: 0 };
    }
    const came = (await remote?.fetchPackages(items, store, signal)) ?? 0;
    const { files, fetched } = await fetchAll(items, {
      store,
      signal,
      findRoute,
      onProgress: ({ bytesDone, bytesTotal }) => report.progress(bytesDone, bytesTotal),
    });
    remote?.offerPackages(items, store);
    return { image, ...(await openAll(image, files)), downloaded: came + fetched };
  } catch (error) {
    if (!(error instanceof PackageGone)) throw error;
    const missing = [...gone, error.item.name];
    return fetchPackages(await withoutGone(image, missing, report), report, remote, missing);
  }
}

/**
 * Resolves the image again from what the mirror has now. A lock that was resolved just now is frozen: a mirror that
 * changes twice during a build is an error. What an earlier build resolved may be outdated, too.
 */
async function withoutGone(
  image: PreparedImage,
  gone: readonly string[],
  report: StageReport,
): Promise<PreparedImage> {
  const request = { ...image.lockRequest, say: report.say };
  const { lock, remembered } = await lockWithout(gone, image.facts.lock, request, image.frozen);
  return { ...withLock(image, lock), frozen: !remembered };
}

/**
 * Lists packages as files to download, with all their addresses, and the function that finds the route to an address.
 * @throws BuildError if there is no address for a repository of the lock
 */
export async function listDownloads(request: LockRequest, packages: readonly LockedPackage[]) {
  const { addresses: mirrors, findRoute } = await request.base.mirrors(resolveRequest(request));
  const items = packages.map((one) => {
    const addresses = mirrors.get(one.repository);
    if (addresses === undefined || addresses.length === 0) {
      throw new BuildError({
        what: `the lock names repository ${one.repository}, for which there is no address`,
        fix: 'Name a mirror: MIRROR=…, or write the lock again: make lock',
      });
    }
    const urls = addresses.map(
      (address) => `${address.replace(/\/$/, '')}/${encodePath(one.path)}`,
    );
    return { name: `${one.name} ${one.version}`, urls, sha256: one.sha256, size: one.size };
  });
  return { items, findRoute };
}

/** Encodes a path for an address, including `+`, which S3-compatible stores read as a blank. */
function encodePath(path: string): string {
  return path.split('/').map(encodeURIComponent).join('/');
}

async function openAll(
  { facts, lockRequest, jobs = OPEN_AT_ONCE }: PreparedImage,
  files: ReadonlyMap<string, string>,
): Promise<Pick<FetchedPackages, 'entries' | 'scripts'>> {
  const opened = new OpenedStore(lockRequest.cache, lockRequest.say);
  const reader = facts.base.reader(facts.profile);
  const limit = pLimit(Math.min(jobs, OPEN_AT_ONCE));
  const archives = listPackages(facts.lock, facts.flavour).map((locked) => ({
    locked,
    file: must(files.get(locked.sha256), `file of ${locked.name}`),
  }));
  const scripts = (await facts.base.scripts?.(archives, facts.profile)) ?? [];
  const entries = await Promise.all(
    archives.map((archive) =>
      limit(async () => {
        const own = await opened.open(reader, archive, lockRequest.signal);
        return [archive.locked.sha256, own] as const;
      }),
    ),
  );
  return { entries: new Map(entries), scripts };
}
