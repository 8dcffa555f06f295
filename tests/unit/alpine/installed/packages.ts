import type { OwnedDirectory, OwnedFile } from '../../../../build/base/alpine/installed/files.ts';
import type { InstalledPackage } from '../../../../build/base/alpine/installed/package.ts';
import { EMPTY_RECORD, type PackageRecord } from '../../../../build/base/alpine/package/record.ts';

/** SHA-1 of empty content: in hex, and as apk writes it. */
export const EMPTY_SHA1 = 'da39a3ee5e6b4b0d3255bfef95601890afd80709';
export const EMPTY_CHECKSUM = 'Q12jmj7l5rSw0yVb/vlWAYkK/YBwk=';

/** An installed package with the required fields and these. */
export function installed(
  name: string,
  fields: Record<string, string> = {},
  record: Partial<PackageRecord> = {},
): InstalledPackage {
  return {
    fields: new Map(Object.entries({ C: EMPTY_CHECKSUM, P: name, V: '1-r0', ...fields })),
    record: { ...EMPTY_RECORD, ...record },
  };
}

/** An empty file of a package, owned by root. */
export function ownedFile(name: string, mode = 0o644): OwnedFile {
  return { name, ownership: { uid: 0, gid: 0, mode }, sha1: EMPTY_SHA1 };
}

/** A directory of a package, owned by root. */
export function ownedDirectory(path: string, ...files: OwnedFile[]): OwnedDirectory {
  return { path, ownership: { uid: 0, gid: 0, mode: 0o755 }, files };
}
