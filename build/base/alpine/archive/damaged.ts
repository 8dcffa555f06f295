import { BuildError } from '../../../error.ts';

/**
 * Returns the error for an archive that violates apk's format v2.
 * @param why completes "archive is damaged: …"
 * @param where the archive, for the message
 */
export function damagedArchive(why: string, where: string, cause?: unknown): BuildError {
  return new BuildError({
    what: `archive is damaged: ${why}`,
    where,
    fix: 'It is damaged or hostile, nothing was taken from it; fetch it again or use another mirror.',
    cause,
  });
}

/** Size limit, in bytes, of the decompressed signature and control part of a package, and of a decompressed index. */
export const MOST_METADATA = 64 * 1024 * 1024;

/**
 * Refuses a file in apk's format v3, which begins with `ADB`.
 * @param start the first bytes of a file
 * @throws BuildError if the file is in format v3
 */
export function refuseVersion3(start: Uint8Array, where: string): void {
  if (Buffer.from(start.subarray(0, 3)).toString('latin1') === 'ADB') throw version3(where);
}

/** Returns the error for an archive in apk's format v3. */
export function version3(where: string, cause?: unknown): BuildError {
  return new BuildError({
    what: 'it is in apk’s format v3 (ADB), and only v2 can be read',
    where,
    fix: 'Use a branch that publishes v2 (APKINDEX.tar.gz), as Alpine’s v3.24 and all before it do.',
    cause,
  });
}
