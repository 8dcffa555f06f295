import pLimit from 'p-limit';
import { DEFAULT_ARCHITECTURE } from '../../build/architecture.ts';
import { BlobStore } from '../../build/cache/blob-store.ts';
import type { CacheDirectory } from '../../build/cache/directory.ts';
import type { OpenedPackage } from '../../build/contract/base.ts';
import type { LockedPackage } from '../../build/contract/lock.ts';
import { listPackages } from '../../build/image/facts.ts';
import { type PreparedImage, prepareImage } from '../../build/image/prepare.ts';
import { fetchPackages } from '../../tasks/packages.ts';
import { dependsField } from './debian-depends.ts';

/** Maximum number of processes that read the fields of packages at the same time. */
const AT_ONCE = 4;

/** An opened package of a Debian lock, with its `Depends` field. */
export interface DebianPackage extends OpenedPackage {
  readonly locked: LockedPackage;
  readonly depends: string;
}

/** Where the project and its cache are. */
export interface ProjectPlace {
  readonly projectDirectory: string;
  readonly cache: CacheDirectory;
}

/** Plans the Debian image of a profile; its lock is not refreshed. */
export function prepareDebian(profile: string, place: ProjectPlace): Promise<PreparedImage> {
  return prepareImage(profile, {
    ...place,
    outputDirectory: 'dist',
    base: 'debian',
    architecture: DEFAULT_ARCHITECTURE,
    release: false,
    frozenLock: true,
    say: () => {},
  });
}

/** The packages of an image, downloaded, verified and opened. */
export async function debianPackages(prepared: PreparedImage): Promise<DebianPackage[]> {
  const report = { say: () => {}, progress: () => {} };
  const { image, entries } = await fetchPackages(prepared, report);
  const store = new BlobStore(image.lockRequest.cache);
  const limit = pLimit(AT_ONCE);
  return Promise.all(
    listPackages(image.facts.lock, image.facts.flavour).map((locked) =>
      limit(async () => ({
        locked,
        entries: entries.get(locked.sha256) ?? [],
        depends: await dependsField(store.path(locked.sha256)),
      })),
    ),
  );
}
