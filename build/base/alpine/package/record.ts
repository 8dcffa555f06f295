import { z } from 'zod';
import { BuildError } from '../../../error.ts';
import type { Entry } from '../../../tree/entry.ts';
import { formatFiles, type OwnedDirectory, parseFiles } from '../installed/files.ts';
import { isScript, type ScriptName } from './scripts.ts';

/** What the installed database must know of a package besides what the index says of it. */
export interface PackageRecord {
  readonly replaces: readonly string[];
  readonly replacesPriority: number;
  readonly triggers: readonly string[];
  readonly scripts: ReadonlyMap<ScriptName, Buffer>;
  readonly directories: readonly OwnedDirectory[];
  /** Tree path → names of the owner of what is there, where they are others than root. */
  readonly owners: ReadonlyMap<string, OwnerNames>;
}

/** Names of a user and a group; empty if the archive does not say. */
export interface OwnerNames {
  readonly user: string;
  readonly group: string;
}

/** The record of a package that has nothing: apk does not even open a package of installed size 0. */
export const EMPTY_RECORD: PackageRecord = {
  replaces: [],
  replacesPriority: 0,
  triggers: [],
  scripts: new Map(),
  directories: [],
  owners: new Map(),
};

/**
 * Folder under which an opened package's entries have, as their last one, the record of the package.
 * No package can have anything there itself: names that start with a dot are never taken from one.
 */
const RECORDS = '.apk-record/';

/** Tree path of the record of the package with this identity, hex. */
export function recordPath(sha1: string): string {
  return `${RECORDS}${sha1}`;
}

/** Whether an entry is a record, which belongs to the database and not into the tree. */
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

/** A record as the bytes that `decodeRecord` reads. */
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
 * Reads a record of an opened package.
 * @param where the package, for messages
 * @throws BuildError if the bytes are no record
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
