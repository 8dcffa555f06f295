import pLimit from 'p-limit';
import { BlobStore } from '../../cache/blob-store.ts';
import type { CacheDirectory } from '../../cache/directory.ts';
import { OpenedStore } from '../../cache/opened.ts';
import type { DownloadContext } from '../../cache/receive.ts';
import { sweepTemporary } from '../../cache/temporary.ts';
import { Transport } from '../../cache/transport.ts';
import type { ArchiveReader } from '../../contract/base.ts';
import { BuildError, must } from '../../error.ts';
import { ContentReader } from '../../tree/content.ts';
import { Tree } from '../../tree/tree.ts';
import { installPackages, type PackageToInstall, planInstallation } from './install.ts';
import { openPackage, readerVersion } from './package/open.ts';
import { decodeRecord, EMPTY_RECORD, isRecord } from './package/record.ts';
import type { RepositoryAddress } from './repository/address.ts';
import { fetchArchive, type LocalArchive } from './repository/archive.ts';
import { openRepository } from './repository/index.ts';
import { type SelectedPackage, selectPackages } from './repository/select.ts';
import type { TrustedKeys } from './signature/keys.ts';

/**
 * Maximum number of packages that are downloaded at the same time, and of archives that are opened at the same time.
 */
const DOWNLOADS = 8;
const OPENINGS = 4;

/** What to install into a root filesystem. */
export interface AssembleRequest {
  /** Alpine's name of the architecture: `aarch64`. */
  readonly architecture: string;
  readonly keys: TrustedKeys;
  /** In the order in which they are configured. */
  readonly repositories: readonly RepositoryAddress[];
  /** Dependencies in the syntax of `apk add`. */
  readonly wanted: readonly string[];
  readonly cache: CacheDirectory;
  readonly signal?: AbortSignal | undefined;
  /** Receives messages for the user, one line each. */
  readonly onNote?: ((line: string) => void) | undefined;
}

/** A root filesystem, and the reader of its contents, which the caller must close. */
export interface AssembledRoot {
  readonly tree: Tree;
  readonly reader: ContentReader;
  /** Build time of its newest package, in seconds since 1970. */
  readonly epoch: number;
}

/**
 * Makes the root filesystem that `apk --initdb --no-scripts add` makes in an empty root. Indexes and packages are
 * fetched and verified; packages that were opened before come from the cache. No package script is run.
 * @throws BuildError if something is unavailable, untrusted, damaged or contradictory
 */
export async function assembleRoot(request: AssembleRequest): Promise<AssembledRoot> {
  const { architecture, keys, wanted, cache, signal, onNote } = request;
  await sweepTemporary(cache);
  using transport = new Transport();
  const context: DownloadContext = { store: new BlobStore(cache, onNote), transport, signal };
  const repositories = await Promise.all(
    request.repositories.map((address) => openRepository({ address, architecture, keys, context })),
  );
  const { packages: selected, world } = selectPackages({ repositories, wanted, architecture });
  const reader = new ContentReader();
  try {
    const opening = { keys, context, store: new OpenedStore(cache, onNote), reader };
    const packages = await openAll(selected, opening);
    const tree = new Tree(reader);
    installPackages(planInstallation({ packages, world, architecture }), tree);
    return { tree, reader, epoch: newest(selected) };
  } catch (error) {
    reader[Symbol.dispose]();
    throw error;
  }
}

interface Opening {
  keys: TrustedKeys;
  context: DownloadContext;
  store: OpenedStore;
  reader: ContentReader;
}

/** Opens each package as soon as it is downloaded; the first failure aborts the others. */
async function openAll(
  selected: readonly SelectedPackage[],
  opening: Opening,
): Promise<PackageToInstall[]> {
  const failed = new AbortController();
  const signal = AbortSignal.any(
    opening.context.signal === undefined
      ? [failed.signal]
      : [opening.context.signal, failed.signal],
  );
  const context = { ...opening.context, signal };
  const [downloads, openings] = [pLimit(DOWNLOADS), pLimit(OPENINGS)];
  const work = selected.map(async (one) => {
    if (one.installedSize === 0) return { ...one, record: EMPTY_RECORD, entries: [] };
    const archive = await downloads(() => fetchArchive(sourceOf(one), context));
    return openings(() => openOne(one, archive, { ...opening, context }));
  });
  try {
    return await Promise.all(work);
  } finally {
    failed.abort();
    await Promise.allSettled(work);
  }
}

async function openOne(
  one: SelectedPackage,
  archive: LocalArchive,
  { keys, context: { signal }, store, reader }: Opening,
): Promise<PackageToInstall> {
  const origin = originOf(one);
  const apk: ArchiveReader = {
    name: 'alpine',
    readerVersion: readerVersion(),
    open: ({ file }, sink, cancel) =>
      openPackage({ file, keys, identity: one.identity, origin, sink, signal: cancel }),
  };
  const { file, sha256, size } = archive;
  const locked = {
    name: must(one.fields.get('P'), 'name of a package'),
    version: must(one.fields.get('V'), 'version of a package'),
    architecture: one.fields.get('A') ?? '',
    repository: 'apk',
    path: `${one.name}.apk`,
    sha256,
    size,
  };
  const entries = await store.open(apk, { locked, file }, signal);
  const record = entries.find(isRecord);
  if (record?.type !== 'file') {
    throw new BuildError({ what: 'its record in the cache is missing', where: origin });
  }
  return {
    fields: one.fields,
    tag: one.tag,
    record: decodeRecord(reader.bytes(record), origin),
    entries: entries.filter((entry) => !isRecord(entry)),
  };
}

function originOf({ fields }: SelectedPackage): string {
  return `package ${fields.get('P') ?? ''} ${fields.get('V') ?? ''}`;
}

function sourceOf(one: SelectedPackage) {
  const { identity, url, fields } = one;
  return { name: originOf(one), identity, url, size: Number(fields.get('S') ?? 0) };
}

function newest(selected: readonly SelectedPackage[]): number {
  const times = selected.map(({ fields }) => Number(/^\d{1,11}$/.exec(fields.get('t') ?? '') ?? 0));
  return times.reduce((latest, time) => Math.max(latest, time), 0);
}
