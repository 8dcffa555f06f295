import { createHash } from 'node:crypto';
import { lstat, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ExplainedError } from '../explained-error.ts';
import { CHECKSUMS, type Checksums, parseChecksums } from './checksums.ts';
import { LONGEST_OF_FOLDER, openEnvelope } from './envelope.ts';
import { computeDigest, getErrorCode } from './files.ts';
import type { TrustedKey } from './keys.ts';
import { readMinisign, verifyMinisign } from './minisign.ts';
import { readSubjects, STATEMENT_TYPE } from './provenance.ts';
import { parseReleaseFiles, type ReleaseFiles } from './release-files.ts';
import {
  type FolderEntry,
  listReleaseFolder,
  MINISIGNATURE,
  PROVENANCE,
  RELEASE_ENVELOPE,
  RELEASE_LIST_TYPE,
  SSH_SIGNATURE,
} from './sign-folder.ts';
import { readSshSignature, verifySsh } from './ssh-signature.ts';

/** A problem with a file of a folder. */
export interface Finding {
  kind: 'missing' | 'extra' | 'truncated' | 'changed' | 'not trusted' | 'mixed up';
  /** Its name in the folder. */
  file: string;
  /** The problem as a clause. */
  what: string;
}

/** Result of verifying a release folder. */
export interface Verdict {
  /** Version of the release, if it is part of the signed data. */
  version: string | undefined;
  /** The key that signed `SHA256SUMS`; undefined if no trusted key signed it, and no other file was read then. */
  key: TrustedKey | undefined;
  /** Number of files that were verified successfully. */
  files: number;
  /** Total size of these files in bytes. */
  bytes: number;
  findings: readonly Finding[];
}

/** Options for verifying a folder. */
export interface VerifyOptions {
  /** Trusted keys. */
  trusted: readonly TrustedKey[];
  /** Whether missing files are accepted, because only a part of the release was downloaded. */
  ignoreMissing?: boolean;
  signal?: AbortSignal;
}

/**
 * Verifies a folder signed by `signFolder`, trusting only the given keys: first the signatures, including those of
 * provenances, then size and SHA-256 of each file, reading each once.
 * @returns all problems, in the order in which they were found
 * @throws ExplainedError if it is not such a folder, or cannot be read
 */
export async function verifyFolder(
  folder: string,
  { trusted, ignoreMissing = false, signal }: VerifyOptions,
): Promise<Verdict> {
  const entries = await listReleaseFolder(folder);
  const sumsText = await readText(folder, CHECKSUMS);
  if (sumsText === undefined) {
    throw new ExplainedError({
      what: `it has no ${CHECKSUMS}, so nothing says what belongs to it`,
      where: folder,
      fix: 'Name the folder of a release, and get this file and its signatures, too.',
    });
  }
  const signatures = await checkSignatures(folder, sumsText, trusted);
  const key = signatures.find((one) => one.key !== undefined)?.key;
  const found = signatures.flatMap(({ finding }) => finding ?? []);
  if (key === undefined) return { version: undefined, key, files: 0, bytes: 0, findings: found };
  const sums = parseChecksums(sumsText.toString('utf8'), join(folder, CHECKSUMS));
  const { list, finding } = await checkList(folder, sums, trusted);
  if (finding !== undefined) found.push(finding);
  found.push(...(await checkProvenances(folder, sums, trusted)));
  const reported = new Set(found.map(({ file }) => file));
  const { files, bytes, findings } = await checkFiles(folder, { sums, list, reported, signal });
  found.push(...findings, ...extraFiles(entries, sums));
  const counts = ({ kind }: Finding) => !(ignoreMissing && kind === 'missing');
  return { version: list?.version, key, files, bytes, findings: found.filter(counts) };
}

/** Result of verifying a signature of `SHA256SUMS`: the key that made it, or the problem. */
interface SignatureCheck {
  key?: TrustedKey;
  finding?: Finding;
}

async function checkSignatures(
  folder: string,
  sums: Buffer,
  trusted: readonly TrustedKey[],
): Promise<SignatureCheck[]> {
  const checks: SignatureCheck[] = [];
  for (const [file, check] of [
    [MINISIGNATURE, checkMinisignature],
    [SSH_SIGNATURE, checkSshSignature],
  ] as const) {
    const text = await readText(folder, file);
    if (text === undefined) {
      checks.push({ finding: { kind: 'missing', file, what: 'the signature is not there' } });
      continue;
    }
    try {
      checks.push(check(text.toString('utf8'), { sums, trusted, file }));
    } catch (error) {
      if (!(error instanceof ExplainedError)) throw error;
      checks.push({ finding: { kind: 'changed', file, what: error.what } });
    }
  }
  return checks;
}

/** Input for verifying a signature. */
interface SignatureTerms {
  sums: Buffer;
  trusted: readonly TrustedKey[];
  /** Name of the signature file. */
  file: string;
}

function checkMinisignature(text: string, { sums, trusted, file }: SignatureTerms): SignatureCheck {
  const signature = readMinisign(text, file);
  for (const key of trusted) {
    const verdict = verifyMinisign(signature, sums, key.key);
    if (verdict === 'valid') return { key };
    if (verdict === 'of other bytes') return { finding: mixedUp(file, key, signature) };
  }
  return { finding: notTrusted(file, trusted) };
}

function checkSshSignature(text: string, { sums, trusted, file }: SignatureTerms): SignatureCheck {
  const signature = readSshSignature(text, file);
  const key = trusted.find((one) => one.key.equals(signature.key));
  if (key === undefined) return { finding: notTrusted(file, trusted) };
  return verifySsh(signature, sums, file) ? { key } : { finding: mixedUp(file, key) };
}

function mixedUp(file: string, key: TrustedKey, signature?: { trustedComment: string }): Finding {
  const of = signature === undefined ? '' : `, which says “${signature.trustedComment}”`;
  const what = `it does not belong to this ${CHECKSUMS}, but to another one that ${key.name} has signed${of}`;
  return { kind: 'mixed up', file, what };
}

function notTrusted(file: string, trusted: readonly TrustedKey[]): Finding {
  const names = trusted.map(({ name, id }) => `${name} ${id.slice(0, 16)}`).join(', ');
  const what = `it is not signed with a key that is trusted here: ${names}`;
  return { kind: 'not trusted', file, what };
}

/** Reads the signed list with the sizes of the files, if there is one. */
async function checkList(
  folder: string,
  sums: Checksums,
  trusted: readonly TrustedKey[],
): Promise<{ list?: ReleaseFiles; finding?: Finding }> {
  const file = RELEASE_ENVELOPE;
  const text = sums.has(file) ? await readText(folder, file) : undefined;
  // A missing file is reported with the other files.
  if (text === undefined) return {};
  const belongs = sums.get(file) === sha256(text);
  try {
    const longest = LONGEST_OF_FOLDER;
    const expected = { payloadType: RELEASE_LIST_TYPE, trusted, where: file, longest };
    const { payload, key } = openEnvelope(text, expected);
    const list = parseReleaseFiles(payload.toString('utf8'), file);
    if (belongs) return { list };
    const what = `it is that of release ${list.version}, which ${key.name} has signed, and does not belong to this ${CHECKSUMS}`;
    return { finding: { kind: 'mixed up', file, what } };
  } catch (error) {
    if (!(error instanceof ExplainedError)) throw error;
    // A damaged file is reported with the other files.
    return belongs ? { finding: { kind: 'not trusted', file, what: error.what } } : {};
  }
}

/** Verifies the signature of each signed provenance, and that the provenance describes these files. */
async function checkProvenances(
  folder: string,
  sums: Checksums,
  trusted: readonly TrustedKey[],
): Promise<Finding[]> {
  const found: Finding[] = [];
  for (const [file, expected] of sums) {
    if (!file.endsWith(`${PROVENANCE}l`)) continue;
    const text = await readText(folder, file);
    // A missing or damaged file is reported with the other files.
    if (text === undefined || sha256(text) !== expected) continue;
    try {
      const longest = LONGEST_OF_FOLDER;
      const envelope = { payloadType: STATEMENT_TYPE, trusted, where: file, longest };
      const { payload, key } = openEnvelope(text, envelope);
      const what = foreignIn(payload, sums, file);
      if (what !== undefined) {
        found.push({ kind: 'mixed up', file, what: `${key.name} has signed it, but ${what}` });
      }
    } catch (error) {
      if (!(error instanceof ExplainedError)) throw error;
      found.push({ kind: 'not trusted', file, what: error.what });
    }
  }
  return found;
}

/**
 * Describes a subject of a statement that is not in the checksums, as a clause; undefined if all subjects are in them.
 */
function foreignIn(statement: Buffer, sums: Checksums, envelope: string): string | undefined {
  const plain = sums.get(envelope.slice(0, -1));
  if (plain !== undefined && plain !== sha256(statement)) {
    return `${envelope.slice(0, -1)} differs from it`;
  }
  const subjects = readSubjects(statement, envelope);
  const foreign = subjects.find((subject) => sums.get(subject.name) !== subject.sha256);
  return foreign && `the ${foreign.name} that it describes is not the one in ${CHECKSUMS}`;
}

/** Verifies each file in the checksums, except those that already have a problem. */
async function checkFiles(
  folder: string,
  {
    sums,
    list,
    reported,
    signal,
  }: {
    sums: Checksums;
    list: ReleaseFiles | undefined;
    reported: ReadonlySet<string>;
    signal: AbortSignal | undefined;
  },
): Promise<Pick<Verdict, 'files' | 'bytes' | 'findings'>> {
  const sizes = new Map(list?.files.map(({ path, size }) => [path, size]));
  const findings: Finding[] = [];
  let [files, bytes] = [0, 0];
  for (const [file, sha256] of sums) {
    if (reported.has(file)) continue;
    const outcome = await checkFile(join(folder, file), { size: sizes.get(file), sha256 }, signal);
    if (typeof outcome === 'number') {
      files += 1;
      bytes += outcome;
    } else {
      findings.push({ ...outcome, file });
    }
  }
  return { files, bytes, findings };
}

/** @returns the file's size if it is as signed, else the problem */
async function checkFile(
  path: string,
  { size, sha256: expected }: { size: number | undefined; sha256: string },
  signal: AbortSignal | undefined,
): Promise<number | Omit<Finding, 'file'>> {
  try {
    const stats = await lstat(path);
    if (!stats.isFile()) return { kind: 'changed', what: 'it is not a regular file' };
    if (size !== undefined && stats.size < size) {
      return { kind: 'truncated', what: `it ends after ${stats.size} of ${size} bytes` };
    }
    if (size !== undefined && stats.size > size) {
      return { kind: 'changed', what: `it has ${stats.size} bytes instead of ${size}` };
    }
    const digest = await computeDigest(path, signal);
    if (digest.sha256 === expected) return digest.size;
    return { kind: 'changed', what: 'its SHA-256 is not the one that was signed' };
  } catch (cause) {
    if (getErrorCode(cause) === 'ENOENT') return { kind: 'missing', what: 'it is not there' };
    throw unreadable(path, cause);
  }
}

function extraFiles(entries: readonly FolderEntry[], sums: Checksums): Finding[] {
  const extra = entries.filter(({ name }) => !sums.has(name));
  return extra.map(({ name }) => ({
    ...{ kind: 'extra', file: name },
    what: 'it was not signed',
  }));
}

/** @returns the content of a file; undefined if it does not exist */
async function readText(folder: string, name: string): Promise<Buffer | undefined> {
  const path = join(folder, name);
  let what = 'it is not a regular file';
  try {
    const stats = await lstat(path);
    // Reading a pipe would wait forever.
    if (stats.isFile() && stats.size <= LONGEST_OF_FOLDER) return await readFile(path);
    if (stats.isFile()) what = `it is longer than ${LONGEST_OF_FOLDER / 1024 / 1024} MiB`;
  } catch (cause) {
    if (getErrorCode(cause) === 'ENOENT') return undefined;
    throw unreadable(path, cause);
  }
  throw new ExplainedError({
    what,
    where: path,
    fix: 'It cannot be what a release has under this name: get it from its publisher again.',
  });
}

function unreadable(path: string, cause: unknown): unknown {
  if (getErrorCode(cause) === '' || cause instanceof ExplainedError) return cause;
  return new ExplainedError({ what: 'it cannot be read', where: path, cause });
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
