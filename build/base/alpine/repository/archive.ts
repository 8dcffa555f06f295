import { open, stat } from 'node:fs/promises';
import type { Blob } from '../../../cache/blob-store.ts';
import { downloadUnpinned } from '../../../cache/download-unpinned.ts';
import { IdentityStore } from '../../../cache/identity-store.ts';
import type { DownloadContext } from '../../../cache/receive.ts';
import { hideCredentials } from '../../../cache/transfer-failure.ts';
import { BuildError } from '../../../error.ts';
import { hashFile } from '../../../process/hash-file.ts';
import { MOST_BYTES } from '../../../tree/entry.ts';
import { computeIdentity } from '../checksum.ts';
import { readControl } from '../package/control.ts';
import { parseFileUrl } from './index.ts';

/** A package of a verified index, and the location of its file. */
export interface PackageSource {
  /** For messages: `package busybox 1.36.1-r5`. */
  readonly name: string;
  /** Canonical (`Q1…`, `Q2…`). */
  readonly identity: string;
  /** Size of the file in bytes, according to the index. */
  readonly size: number;
  readonly url: string;
}

/** A package's file on this host. */
export interface LocalArchive extends Blob {
  readonly file: string;
}

/**
 * Makes a package's file available on this host: a file in a local folder stays there, others are downloaded into the
 * store. Checks that it is the package that the index lists; its data is checked when it is opened.
 * @throws BuildError if it is unavailable, or differs from the package or the size in the index
 */
export async function fetchArchive(
  source: PackageSource,
  context: DownloadContext,
): Promise<LocalArchive> {
  const { directory } = context.store;
  const identities = new IdentityStore(directory, directory.apk);
  const known = await identities.lookup(digestOf(source));
  if (source.url.startsWith('file:')) return localArchive(source, { known, identities, context });
  if (known !== undefined && (await context.store.has(known))) {
    return { ...known, file: context.store.path(known.sha256) };
  }
  const check = (file: string) => checkIdentity(file, source);
  const { name, url, size } = source;
  const downloaded = await downloadUnpinned({ name, url, size, most: MOST_BYTES, check }, context);
  await identities.remember(digestOf(source), downloaded);
  return downloaded;
}

/** Returns the digest in a package's identity, in hex. */
function digestOf({ identity }: PackageSource): string {
  return Buffer.from(identity.slice(2), 'base64').toString('hex');
}

interface LocalSearch {
  known: Blob | undefined;
  identities: IdentityStore;
  context: DownloadContext;
}

async function localArchive(
  source: PackageSource,
  { known, identities, context }: LocalSearch,
): Promise<LocalArchive> {
  const file = parseFileUrl(source.url);
  const size = await sizeOf(file, source);
  if (size !== source.size) {
    throw new BuildError({
      what: `${source.name} has ${size} bytes, its index says ${source.size}`,
      where: file,
      fix: 'The index does not match the packages; generate it again.',
    });
  }
  if (known?.size === size) return { ...known, file };
  await checkIdentity(file, source);
  const { whole: sha256 } = await hashFile(file, [], context.signal);
  await identities.remember(digestOf(source), { sha256, size });
  return { sha256, size, file };
}

async function sizeOf(file: string, { name }: PackageSource): Promise<number> {
  try {
    return (await stat(file)).size;
  } catch (cause) {
    throw new BuildError({
      what: `${name} is in the index but not in the repository`,
      where: file,
      fix: 'The index is stale; generate it again.',
      cause,
    });
  }
}

async function checkIdentity(file: string, { name, identity, url }: PackageSource): Promise<void> {
  const handle = await open(file, 'r');
  try {
    const { size } = await handle.stat();
    const { bytes } = await readControl({
      handle,
      size,
      where: `${name}, ${hideCredentials(url)}`,
    });
    if (computeIdentity(bytes, identity) === identity) return;
  } finally {
    await handle.close();
  }
  throw new BuildError({
    what: `${name} is another package than the index says`,
    where: hideCredentials(url),
    fix: 'The repository changed meanwhile, or the file was swapped. Try again, or use another mirror.',
  });
}
