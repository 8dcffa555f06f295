import { statSync } from 'node:fs';
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { TEMPORARY_NAME } from '../process/atomic-write.ts';
import { errorCode } from '../process/errno.ts';
import { CHECKSUMS } from '../release/checksums.ts';
import { readChecksums, updateChecksums } from './checksums.ts';

/** What stands behind the name of an image in the names of the files that go with it. */
const PAPERS = [
  ...['', '.cdx.json', '.spdx.json', '.manifest.json'],
  ...['.intoto.json', '.intoto.jsonl', '.licenses.txt'],
];

/** Milliseconds without a write after which an unfinished file has lost its writer. */
const ABANDONED_AFTER = 3_600_000;

/** What became of an output folder. */
export interface Cleaned {
  removed: string[];
  /** What is not ours and stays. */
  left: string[];
}

/**
 * Removes from a folder what builds wrote: images that `SHA256SUMS` names or that have a manifest beside them, and
 * that are called as builds of these profiles are; what goes with them; what a killed build left of them.
 * @throws BuildError if `SHA256SUMS` is malformed; nothing is removed then
 */
export async function cleanOutputFolder(
  directory: string,
  profiles: readonly string[],
): Promise<Cleaned> {
  const names = await namesIn(directory);
  const listed = await readChecksums(directory);
  const present = new Set(names);
  const built = (name: string) =>
    isOurName(name, profiles) && (listed.has(name) || present.has(`${name}.manifest.json`));
  const ours = new Set(names.filter(built).flatMap((name) => PAPERS.map((paper) => name + paper)));
  const removed = names.filter(
    (name) => ours.has(name) || isRootfs(name, profiles) || isLeftOver(name, profiles),
  );
  for (const name of removed) await rm(join(directory, name));
  if (listed.size > 0) await updateChecksums(directory, {});
  const empty = (await readChecksums(directory)).size === 0;
  if (empty && present.has(CHECKSUMS)) {
    await rm(join(directory, CHECKSUMS));
    removed.push(CHECKSUMS);
  }
  return { removed, left: names.filter((name) => !removed.includes(name)) };
}

/**
 * Removes the unfinished files that killed builds of some profiles left in a folder: those that nobody wrote to for an
 * hour.
 * @param now milliseconds since 1970
 */
export async function sweepOutputFolder(
  directory: string,
  profiles: readonly string[],
  now = Date.now(),
): Promise<void> {
  for (const name of await namesIn(directory)) {
    if (!isLeftOver(name, profiles)) continue;
    const path = join(directory, name);
    const written = statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? now;
    if (now - written > ABANDONED_AFTER) await rm(path, { force: true });
  }
}

/** `<profile>-<version>-<base>-…`, as `imageName` has it. */
function isOurName(name: string, profiles: readonly string[]): boolean {
  return profiles.some((profile) => name.startsWith(`${profile}-`));
}

function isRootfs(name: string, profiles: readonly string[]): boolean {
  return isOurName(name, profiles) && name.endsWith('-rootfs.tar');
}

function isLeftOver(name: string, profiles: readonly string[]): boolean {
  const of = TEMPORARY_NAME.exec(name)?.groups?.of;
  return of !== undefined && (isOurName(of, profiles) || of === CHECKSUMS);
}

async function namesIn(directory: string): Promise<string[]> {
  try {
    return (await readdir(directory)).sort();
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return [];
    throw error;
  }
}
