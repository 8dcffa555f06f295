import { z } from 'zod';
import { BuildError } from '../../../error.ts';
import type { Entry } from '../../../tree/entry.ts';
import { formatFiles, type OwnedDirectory, parseFiles } from '../installed/files.ts';
import { isScript, type ScriptName } from './scripts.ts';

/** What the installed database records about a package in addition to its index fields. */
export interface PackageRecord {
  readonly replaces: readonly string[];
  readonly replacesPriority: number;
  readonly triggers: readonly string[];
  readonly scripts: ReadonlyMap<ScriptName, Buffer>;
  readonly directories: readonly OwnedDirectory[];
  /** Tree path → names of its owner, for owners other than root. */
  readonly owners: ReadonlyMap<string, OwnerNames>;
}

/** Names of a user and a group; empty if the archive does not record them. */
export interface OwnerNames {
  readonly user: string;
  readonly group: string;
}

/** The record of a package without files: apk does not open packages of installed size 0. */
export const EMPTY_RECORD: PackageRecord = {
  replaces: [],
  replacesPriority: 0,
  triggers: [],
  scripts: new Map(),
  directories: [],
  owners: new Map(),
};

/**
 * Folder for the record of a package, which is the last entry of the opened package.
 * A package cannot have this path itself: top-level names that start with a dot are skipped.
 */
const RECORDS = '.apk-record/';

/** Returns the tree path of the record of a package. @param sha1 its identity, hex */
export function recordPath(sha1: string): string {
  return `${RECORDS}${sha1}`;
}

/** Whether an entry is a record, which is for the database and not for the tree. */
export function isRecord(entry: Entry): boolean {
  return entry.path.startsWith(RECORDS);
}

const recordSchema = z.strictObject({
  replaces: z.array(z.string()),
  replacesPriority: z.int().nonnegative(),
  triggers: z.array(z.string()),
  scripts: z.array(z.tuple([z.string(), z.base64()])),
  files: z.string(),
  owners: z.array(z.tuple([z.string(), z.string(), z.string()])),
});

/** Encodes a record for `decodeRecord`. */
export function encodeRecord(record: PackageRecord): Buffer {
  const { replaces, replacesPriority, triggers, scripts, directories, owners } = record;
  const plain: z.infer<typeof recordSchema> = {
    replaces: [...replaces],
    replacesPriority,
    triggers: [...triggers],
    scripts: [...scripts].map(([name, body]) => [name, body.toString('base64')]),
    files: formatFiles(directories),
    owners: [...owners].map(([path, { user, group }]) => [path, user, group]),
  };
  return Buffer.from(JSON.stringify(plain));
}

/**
 * Reads the record of an opened package.
 * @param where the package, for messages
 * @throws BuildError if the bytes are not a record
 */
export function decodeRecord(bytes: Buffer, where: string): PackageRecord {
  const parsed = recordSchema.safeParse(parseJson(bytes.toString('utf8')));
  if (!parsed.success) {
    throw new BuildError({
      what: 'its record in the cache is damaged',
      where,
      fix: 'Remove the folder `opened` of the cache; packages are opened anew then.',
      cause: parsed.error,
    });
  }
  const { scripts, files, owners, ...rest } = parsed.data;
  const known = scripts.flatMap(([name, body]) =>
    isScript(name) ? [[name, Buffer.from(body, 'base64')] as const] : [],
  );
  const directories = parseFiles({ text: files, line: 1, where });
  return {
    ...rest,
    scripts: new Map(known),
    directories,
    owners: new Map(owners.map(([path, user, group]) => [path, { user, group }])),
  };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
