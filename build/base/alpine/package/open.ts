import { createHash } from 'node:crypto';
import { type FileHandle, open } from 'node:fs/promises';
import { BuildError } from '../../../error.ts';
import { computeCodeDigest } from '../../../step/code.ts';
import type { EntrySink } from '../../../tree/sink.ts';
import { inflateLast } from '../archive/inflate.ts';
import { computeIdentity } from '../checksum.ts';
import { canonicalizeIdentity } from '../database/identity.ts';
import type { TrustedKeys } from '../signature/keys.ts';
import { checkSignatures, untrusted, wrongSignature } from '../signature/signature.ts';
import { type PackageControl, readControl } from './control.ts';
import { readData } from './data.ts';
import { encodeRecord, recordPath } from './record.ts';

/** See `ArchiveReader.readerVersion`. */
export function readerVersion(): string {
  return computeCodeDigest(import.meta.filename);
}

/** A package to read. */
export interface PackageToOpen {
  /** Path on the host. */
  readonly file: string;
  readonly keys: TrustedKeys;
  /**
   * Identity of the package in a signed index (`C:`). With it, the package is trusted even if it has no signature, or
   * only one by an unknown key; without it, the package must be signed by a trusted key.
   */
  readonly identity?: string | undefined;
  /** Origin of the entries, for messages: `package busybox 1.36.1-r5`. */
  readonly origin: string;
  readonly sink: EntrySink;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Reads a package (`.apk`, format v2) into a sink, its record (see `record.ts`) last. No script is run. The data is
 * checked while it is streamed, so the sink's entries can be trusted only once this has ended without an error.
 * @throws BuildError if it is damaged or hostile, is not the package that the index lists, lacks a required signature
 *   by a trusted key, or has a wrong signature by a trusted key
 */
export async function openPackage(opening: PackageToOpen): Promise<void> {
  const { file, origin, sink, signal } = opening;
  const handle = await openFile(file, origin);
  try {
    const { size } = await handle.stat();
    const control = await readControl({ handle, size, where: origin });
    checkTrust(control, opening);
    const { info, scripts, dataStart, bytes } = control;
    const data = { handle, start: dataStart, size, sha256: info.datahash, where: origin, signal };
    const { directories, owners } = await readData({ chunks: inflateLast(data), sink, origin });
    const { replaces, replacesPriority, triggers } = info;
    const record = encodeRecord({
      replaces,
      replacesPriority,
      triggers,
      scripts,
      directories,
      owners,
    });
    const path = recordPath(createHash('sha1').update(bytes).digest('hex'));
    const head = { path, mode: 0o600, uid: 0, gid: 0, origin };
    await sink.file({ ...head, type: 'file', size: record.length }, once(record));
  } finally {
    await handle.close();
  }
}

async function openFile(file: string, origin: string): Promise<FileHandle> {
  try {
    return await open(file, 'r');
  } catch (cause) {
    throw new BuildError({ what: `${origin} cannot be read`, where: file, cause });
  }
}

function checkTrust({ signatures, bytes }: PackageControl, opening: PackageToOpen): void {
  const { keys, identity, origin } = opening;
  const verdict = checkSignatures(signatures, bytes, keys);
  if (verdict === 'wrong') throw wrongSignature(origin);
  if (identity === undefined) {
    if (verdict === 'untrusted') throw untrusted(signatures, origin);
    return;
  }
  const wanted = canonicalizeIdentity(identity);
  const found = computeIdentity(bytes, wanted);
  if (found === wanted) return;
  throw new BuildError({
    what: `it is another package than the index says: its identity is ${found}, not ${identity}`,
    where: origin,
    fix: 'The repository changed meanwhile, or the file was swapped. Fetch the index and the package again.',
  });
}

async function* once(bytes: Buffer): AsyncGenerator<Buffer> {
  yield bytes;
}
