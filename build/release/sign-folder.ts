import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { ExplainedError } from '../explained-error.ts';
import { CHECKSUMS, formatChecksums } from './checksums.ts';
import { LONGEST_OF_FOLDER, peekEnvelope, sealBy } from './envelope.ts';
import { type ContentDigest, computeDigest, getErrorCode, writeWhole } from './files.ts';
import { signMinisign } from './minisign.ts';
import { readSubjects, STATEMENT_TYPE } from './provenance.ts';
import { isImage, parseReleaseFiles, type ReleaseFiles } from './release-files.ts';
import type { Signer } from './signer.ts';
import { signSsh } from './ssh-signature.ts';

/** List of a release's files, with sizes and kinds; written by the build. */
export const RELEASE_LIST = 'release.json';

/** The same list in a signed envelope, and its payload type. */
export const RELEASE_ENVELOPE = 'release.dsse.json';
export const RELEASE_LIST_TYPE = 'application/vnd.quantix.release-files+json';

/** Suffix of a provenance, an in-toto statement. Its signed envelope has one letter more: `.intoto.jsonl`. */
export const PROVENANCE = '.intoto.json';

/** Returns name and payload type of a file's envelope; undefined for a file that is signed only by its checksum. */
function envelopeOf(name: string): { name: string; payloadType: string } | undefined {
  if (name === RELEASE_LIST) return { name: RELEASE_ENVELOPE, payloadType: RELEASE_LIST_TYPE };
  if (!name.endsWith(PROVENANCE)) return undefined;
  return { name: `${name}l`, payloadType: STATEMENT_TYPE };
}

/** Lists the files that signing adds to a folder with these files. */
export function listSignatureNames(files: readonly string[]): string[] {
  const envelopes = [RELEASE_LIST, ...files].flatMap((file) => envelopeOf(file)?.name ?? []);
  return [...envelopes, MINISIGNATURE, SSH_SIGNATURE];
}

/** Signatures of `SHA256SUMS`: for minisign, and for ssh-keygen. */
export const MINISIGNATURE = `${CHECKSUMS}.minisig`;
export const SSH_SIGNATURE = `${CHECKSUMS}.sig`;

/** Files that cannot be in the checksums, because they are made from the checksums. */
const AFTER_CHECKSUMS: readonly string[] = [CHECKSUMS, MINISIGNATURE, SSH_SIGNATURE];

/** Result of signing a folder. */
export interface SignedFolder {
  /** Names of the files that were written. */
  written: readonly string[];
  /** Number of files in `SHA256SUMS`. */
  files: number;
  /** Total size of these files in bytes. */
  bytes: number;
}

/**
 * Signs a folder of release files: writes `SHA256SUMS`, its signatures for minisign and ssh-keygen, and signed
 * envelopes of `release.json` (`formatReleaseFiles`) and of provenances (`*.intoto.json`), if there are any. Existing
 * signatures are replaced, except that the envelope of a provenance is kept if its content is the same, because the
 * builder of the images signed it. Nothing is written before everything is signed; the same files and key give the same
 * texts.
 * @returns what was signed
 * @throws ExplainedError if the folder contains anything but files, if `release.json` or a provenance does not match
 *   the files, if there is an image that `release.json` does not list, or if the signer fails
 */
export async function signFolder(
  folder: string,
  { signer, signal }: { signer: Signer; signal?: AbortSignal },
): Promise<SignedFolder> {
  const digests = new Map<string, ContentDigest>();
  // These files are read once, so that the signed bytes are those of the checksums even if a file is changed meanwhile.
  const payloads = new Map<string, Buffer>();
  const entries = await listReleaseFolder(folder);
  const remade = new Set(listSignatureNames(entries.map(({ name }) => name)));
  for (const { name, isFile } of entries) {
    const file = join(folder, name);
    if (!isFile) {
      throw new ExplainedError({
        what: 'this is not a regular file, so it cannot be part of a release',
        where: file,
        fix: 'Remove it.',
      });
    }
    if (remade.has(name)) continue;
    if (envelopeOf(name) === undefined) {
      digests.set(name, await computeDigest(file, signal));
      continue;
    }
    const payload = await readFile(file);
    payloads.set(name, payload);
    digests.set(name, { size: payload.length, sha256: sha256(payload) });
  }
  if (digests.size === 0) {
    throw new ExplainedError({
      what: 'there is no file to sign',
      where: folder,
      fix: 'Name the folder with the files of a release.',
    });
  }
  const texts = new Map<string, string>();
  const listed = payloads.get(RELEASE_LIST);
  const list = listed && readList(listed, join(folder, RELEASE_LIST), digests);
  for (const [file, payload] of payloads) {
    if (file !== RELEASE_LIST) requireSubjects(payload, join(folder, file), digests);
  }
  for (const [file, payload] of payloads) {
    const sealed = envelopeOf(file);
    if (sealed === undefined) continue;
    const { name, payloadType } = sealed;
    const signed =
      file === RELEASE_LIST
        ? undefined
        : await signedBefore(join(folder, name), { payloadType, payload });
    const envelope = signed ?? (await sealBy(payloadType, payload, [signer], LONGEST_OF_FOLDER));
    digests.set(name, { size: Buffer.byteLength(envelope), sha256: sha256(envelope) });
    if (signed === undefined) texts.set(name, envelope);
  }
  const sums = formatChecksums(new Map([...digests].map(([name, one]) => [name, one.sha256])));
  const comment = describeSums(sums, digests.size, list?.version);
  texts.set(CHECKSUMS, sums);
  texts.set(MINISIGNATURE, await signMinisign(Buffer.from(sums), signer, comment));
  texts.set(SSH_SIGNATURE, await signSsh(Buffer.from(sums), signer));
  for (const [name, text] of texts) await writeWhole(join(folder, name), text);
  const bytes = [...digests.values()].reduce((sum, { size }) => sum + size, 0);
  return { written: [...texts.keys()], files: digests.size, bytes };
}

/** An entry of a release folder. */
export interface FolderEntry {
  name: string;
  /** Whether it is a regular file, which can have a checksum. */
  isFile: boolean;
}

/**
 * Lists the entries of a folder that belong to a release, sorted by name: all except `SHA256SUMS`, its signatures, and
 * hidden files, such as locks and files of desktop programs.
 * @throws ExplainedError if the folder cannot be read
 */
export async function listReleaseFolder(folder: string): Promise<FolderEntry[]> {
  const all = await readdir(folder, { withFileTypes: true }).catch((cause: unknown) => {
    const what = getErrorCode(cause) === 'ENOENT' ? 'there is no such folder' : 'it cannot be read';
    throw new ExplainedError({ what, where: folder, cause });
  });
  return all
    .filter(({ name }) => !name.startsWith('.') && !AFTER_CHECKSUMS.includes(name))
    .map((entry) => ({ name: entry.name, isFile: entry.isFile() }))
    .toSorted((a, b) => (a.name < b.name ? -1 : 1));
}

/** Returns the trusted comment for minisign, which shows which release a signature is for. */
function describeSums(sums: string, files: number, version: string | undefined): string {
  const release = version === undefined ? '' : `release ${version}, `;
  return `${release}${files} ${files === 1 ? 'file' : 'files'}, ${CHECKSUMS} ${sha256(sums).slice(0, 16)}`;
}

/** @returns the text of an existing envelope with this content; undefined if there is none */
async function signedBefore(
  path: string,
  { payloadType, payload }: { payloadType: string; payload: Uint8Array },
): Promise<string | undefined> {
  try {
    const text = await readFile(path, 'utf8');
    const expected = { payloadType, where: path, longest: LONGEST_OF_FOLDER };
    return peekEnvelope(text, expected).equals(payload) ? text : undefined;
  } catch (error) {
    if (getErrorCode(error) === 'ENOENT' || error instanceof ExplainedError) return undefined;
    throw error;
  }
}

/** @throws ExplainedError if the list does not match the files */
function readList(
  bytes: Buffer,
  path: string,
  digests: ReadonlyMap<string, ContentDigest>,
): ReleaseFiles {
  const list = parseReleaseFiles(bytes.toString('utf8'), path);
  for (const { path: name, size, sha256: expected } of list.files) {
    const there = digests.get(name);
    if (there?.size === size && there.sha256 === expected) continue;
    throw notAsMade(
      `it names ${name}, which is ${there === undefined ? 'not there' : ANOTHER}`,
      path,
    );
  }
  const listed = new Set(list.files.map(({ path: name }) => name));
  const endings = new Set(list.files.filter(isImage).map(({ path: name }) => extname(name)));
  const foreign = [...digests.keys()].find((one) => endings.has(extname(one)) && !listed.has(one));
  if (foreign !== undefined) {
    throw notAsMade(
      `it does not list ${foreign}, which looks like an image of another release`,
      path,
    );
  }
  return list;
}

/** @throws ExplainedError if a provenance describes files that are not those of the folder */
function requireSubjects(
  statement: Buffer,
  path: string,
  digests: ReadonlyMap<string, ContentDigest>,
): void {
  for (const { name, sha256: expected } of readSubjects(statement, path)) {
    const there = digests.get(name);
    if (there?.sha256 === expected) continue;
    const what = there === undefined ? 'not there' : ANOTHER;
    throw notAsMade(`it describes ${name}, which is ${what}`, path);
  }
}

const ANOTHER = 'another file here';

function notAsMade(what: string, where: string): ExplainedError {
  const fix =
    'Remove what is of another release, or make the release anew: what is signed has to be what was made.';
  return new ExplainedError({ what, where, fix });
}

function sha256(content: string | Uint8Array): string {
  return createHash('sha256').update(content).digest('hex');
}
