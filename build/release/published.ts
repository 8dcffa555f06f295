import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { ExplainedError } from '../explained-error.ts';
import { LONGEST_OF_FOLDER, openEnvelope } from './envelope.ts';
import { getErrorCode } from './files.ts';
import type { TrustedKey } from './keys.ts';
import { type Provenance, parseProvenance } from './provenance.ts';
import { parseReleaseFiles, type ReleaseFile, type ReleaseFiles } from './release-files.ts';
import { RELEASE_ENVELOPE, RELEASE_LIST, RELEASE_LIST_TYPE } from './sign-folder.ts';

const FETCH_AGAIN = 'Get it from its publisher again.';

/** A published release. */
export interface PublishedRelease {
  folder: string;
  list: ReleaseFiles;
  /** SHA-256 of `release.json`, hex. */
  sha256: string;
  /** Provenance of each image. */
  provenances: readonly Provenance[];
}

/**
 * Reads the description of a release: its list, and the documents in the list, whose hashes are verified.
 * @param path path of its `release.json`
 * @param trusted trusted keys, one of which must have signed the list; undefined to accept any list
 * @throws ExplainedError if it is damaged, incomplete, or not signed with a trusted key
 */
export async function readPublished(
  path: string,
  trusted: readonly TrustedKey[] | undefined,
): Promise<PublishedRelease> {
  const folder = dirname(resolve(path));
  const bytes = await readFile(path).catch((cause: unknown) => {
    throw new ExplainedError({
      what: 'the list of the release cannot be read',
      where: path,
      cause,
    });
  });
  if (trusted !== undefined) await requireSigned(folder, bytes, trusted);
  const list = parseReleaseFiles(bytes.toString('utf8'), path);
  const provenances: Provenance[] = [];
  for (const file of list.files) {
    if (file.kind !== 'provenance' && file.kind !== 'manifest') continue;
    const document = await readDocument(folder, file);
    if (file.kind === 'provenance')
      provenances.push(parseProvenance(document, join(folder, file.path)));
  }
  if (provenances.length > 0) return { folder, list, sha256: sha256(bytes), provenances };
  throw new ExplainedError({
    what: 'no provenance is in it, so nothing says what the release was made from',
    where: path,
    fix: 'Only a release of qx-build release, which writes them, can be made again.',
  });
}

async function requireSigned(
  folder: string,
  list: Buffer,
  trusted: readonly TrustedKey[],
): Promise<void> {
  const where = join(folder, RELEASE_ENVELOPE);
  const text = await readFile(where).catch((cause: unknown) => {
    const what =
      getErrorCode(cause) === 'ENOENT'
        ? 'the release is not signed: this file is missing'
        : 'it cannot be read';
    const fix = 'Get it from the publisher, or say that it need not be signed: --unsigned.';
    throw new ExplainedError({ what, where, fix, cause });
  });
  const expected = { payloadType: RELEASE_LIST_TYPE, trusted, where, longest: LONGEST_OF_FOLDER };
  const { payload, key } = openEnvelope(text, expected);
  if (payload.equals(list)) return;
  const what = `it is not the list that ${key.name} has signed`;
  throw new ExplainedError({ what, where: join(folder, RELEASE_LIST), fix: FETCH_AGAIN });
}

async function readDocument(folder: string, file: ReleaseFile): Promise<Buffer> {
  const where = join(folder, file.path);
  const bytes = await readFile(where).catch((cause: unknown) => {
    const what =
      getErrorCode(cause) === 'ENOENT'
        ? 'this document of the release is not there'
        : 'it cannot be read';
    throw new ExplainedError({ what, where, fix: FETCH_AGAIN, cause });
  });
  if (sha256(bytes) === file.sha256) return bytes;
  const what = `its SHA-256 is not the one in ${RELEASE_LIST}`;
  throw new ExplainedError({ what, where, fix: FETCH_AGAIN });
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
