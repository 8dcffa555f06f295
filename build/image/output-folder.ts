import { statSync } from 'node:fs';
import { readdir, readFile, rm, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { ExplainedError } from '../explained-error.ts';
import { TEMPORARY_NAME } from '../process/atomic-write.ts';
import { errorCode } from '../process/errno.ts';
import { CHECKSUMS } from '../release/checksums.ts';
import { releaseFields } from '../release/release.ts';
import { parseReleaseFiles } from '../release/release-files.ts';
import { listSignatureNames, RELEASE_LIST } from '../release/sign-folder.ts';
import { ENROLMENT_FILES } from '../secure-boot/enrolment.ts';
import { readChecksums, updateChecksums } from './checksums.ts';
import { formatPath, RELEASE_FORMAT_NAMES } from './release-formats.ts';

/** Suffixes that turn an image's name into the names of the files that belong to it. */
const DOCUMENTS = [
  ...['', '.cdx.json', '.spdx.json', '.manifest.json'],
  ...['.intoto.json', '.intoto.jsonl', '.licenses.txt'],
  ...ENROLMENT_FILES.map((name) => `.${name}`),
];

/** Milliseconds without a write after which an unfinished file counts as abandoned. */
const ABANDONED_AFTER = 3_600_000;

/** Result of cleaning an output folder. */
export interface Cleaned {
  removed: string[];
  /** Files that builds did not write, which stay. */
  left: string[];
}

/**
 * Removes the output of builds from a folder and from the release folders in it: images of these profiles that
 * `SHA256SUMS` lists or that have a manifest, the files that belong to them, the list of a release with its signatures,
 * and unfinished files of killed builds. A release folder that is empty afterwards is removed, too.
 * @throws BuildError if a `SHA256SUMS` is malformed; nothing is removed then
 */
export async function cleanOutputFolder(
  directory: string,
  profiles: readonly string[],
): Promise<Cleaned> {
  const releases = await releaseFoldersIn(directory);
  for (const folder of ['', ...releases]) await readChecksums(join(directory, folder));
  const { removed, left } = await cleanFolder(directory, profiles);
  for (const folder of releases) {
    const inside = await cleanFolder(join(directory, folder), profiles);
    if (inside.left.length === 0) await rmdir(join(directory, folder));
    removed.push(...inside.removed.map((name) => join(folder, name)));
    left.splice(left.indexOf(folder), 1, ...inside.left.map((name) => join(folder, name)));
  }
  return { removed, left };
}

async function cleanFolder(directory: string, profiles: readonly string[]): Promise<Cleaned> {
  const names = await namesIn(directory);
  const listed = await readChecksums(directory);
  const present = new Set(names);
  const built = (name: string) =>
    isOurName(name, profiles) && (listed.has(name) || present.has(`${name}.manifest.json`));
  const ours = new Set(names.filter(built).flatMap(namesWith));
  if (await hasReleaseList(directory)) {
    for (const name of [RELEASE_LIST, ...listSignatureNames(names)]) ours.add(name);
  }
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

/** Lists the names of an image in all formats of a release, and of the files that belong to it. */
function namesWith(image: string): string[] {
  const formats = RELEASE_FORMAT_NAMES.map((format) => formatPath(image, format));
  return [...formats, ...DOCUMENTS.map((document) => image + document)];
}

/** Lists the folders whose name is a version. */
async function releaseFoldersIn(directory: string): Promise<string[]> {
  const entries = await readdir(directory, { withFileTypes: true }).catch(ifThere);
  return (entries ?? [])
    .filter((entry) => entry.isDirectory() && releaseFields.version.safeParse(entry.name).success)
    .map(({ name }) => name);
}

/**
 * Whether a folder has the list of a release; false for a file of that name with other content, which no build wrote.
 */
async function hasReleaseList(directory: string): Promise<boolean> {
  const file = join(directory, RELEASE_LIST);
  const text = await readFile(file, 'utf8').catch(ifThere);
  if (text === undefined) return false;
  try {
    parseReleaseFiles(text, file);
    return true;
  } catch (error) {
    if (error instanceof ExplainedError) return false;
    throw error;
  }
}

/**
 * Removes the unfinished files of killed builds of some profiles from a folder: files not written to for an hour.
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

/** Whether a name begins with the name of a profile and `-`, like the names from `makeImageName`. */
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
  return (await readdir(directory).catch(ifThere))?.sort() ?? [];
}

/** Ignores the error that a file does not exist. @throws any other error */
function ifThere(error: unknown): undefined {
  if (errorCode(error) !== 'ENOENT') throw error;
}
