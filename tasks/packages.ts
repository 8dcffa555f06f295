import pLimit from 'p-limit';
import { BlobStore } from '../build/cache/blob-store.ts';
import type { Download } from '../build/cache/download.ts';
import { fetchAll } from '../build/cache/fetch.ts';
import { OpenedStore } from '../build/cache/opened.ts';
import { BuildError } from '../build/error.ts';
import { type PreparedImage, withLock } from '../build/image/prepare.ts';
import { packagesOf } from '../build/image/steps/facts.ts';
import { lockWithout, resolveRequest } from '../build/lock/current.ts';
import type { LockedPackage } from '../build/lock/schema.ts';
import type { Entry } from '../build/tree/entry.ts';
import type { StageReport } from './ui/stage.ts';

/** Archives opened at once: decompressing one takes one core. */
const OPEN_AT_ONCE = 2;

/** The packages of an image, opened. */
export interface PackageEntries {
  /** How many had to be downloaded. */
  downloaded: number;
  count: number;
  /** Entries of each of some packages, in their order. */
  of(packages: readonly LockedPackage[]): Entry[][];
}

/**
 * Sees to it that all packages of an image are in the cache, verified and opened.
 * @returns the packages, and the image with another lock if the mirror no longer has what its lock names
 */
export async function fetchPackages(
  image: PreparedImage,
  report: StageReport,
): Promise<{ image: PreparedImage; packages: PackageEntries }> {
  const { cacheDirectory, signal } = image.lockRequest;
  const store = new BlobStore(cacheDirectory);
  const wanted = await downloads(image);
  const { downloaded, gone } = await fetchAll(wanted, store, { signal, onBytes: report.progress });
  if (gone.length > 0) {
    const names = gone.map((file) => file.name);
    const lock = await lockWithout(
      names,
      image.facts.lock,
      { ...image.lockRequest, say: report.say },
      image.frozen,
    );
    const moved = withLock(image, lock);
    return fetchPackages({ ...moved, frozen: true }, report);
  }
  return { image, packages: await openAll(image, store, downloaded) };
}

async function downloads(image: PreparedImage): Promise<(Download & { name: string })[]> {
  const { lock, flavour } = image.facts;
  const mirrors = await image.base.mirrors(resolveRequest(image.lockRequest));
  return packagesOf(lock, flavour).map((one) => {
    const addresses = mirrors.get(one.repository);
    if (addresses === undefined || addresses.length === 0) {
      throw new BuildError({
        what: `the lock names repository ${one.repository}, for which there is no address`,
        fix: 'Name a mirror: MIRROR=…, or write the lock again: make lock',
      });
    }
    const urls = addresses.map((address) => `${address.replace(/\/$/, '')}/${one.path}`);
    return { name: `${one.name} ${one.version}`, urls, sha256: one.sha256, size: one.size };
  });
}

async function openAll(
  image: PreparedImage,
  store: BlobStore,
  downloaded: number,
): Promise<PackageEntries> {
  const { base, facts, lockRequest } = image;
  const opened = new OpenedStore(lockRequest.cacheDirectory, base.name);
  const limit = pLimit(OPEN_AT_ONCE);
  const packages = packagesOf(facts.lock, facts.flavour);
  const all = await Promise.all(
    packages.map((locked) =>
      limit(async () => {
        const archive = { locked, file: store.path(locked) };
        const open = base.open.bind(base);
        return [locked.sha256, await opened.entries(archive, open, lockRequest.signal)] as const;
      }),
    ),
  );
  const entries = new Map(all);
  return {
    downloaded,
    count: packages.length,
    of: (some) => some.map((one) => entries.get(one.sha256) ?? []),
  };
}
