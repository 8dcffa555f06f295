import { copyFile, lstat, mkdir, open, readdir, rename, rm, rmdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { asDiskError } from '../files/disk-error.ts';
import {
  isThere,
  readIfThere,
  removeDurably,
  syncFolder,
  syncRenamed,
  writeDurably,
} from '../files/durable-file.ts';
import { UpdateRefusal } from './accept.ts';

/** Folder below `/quantix` with copies of the configuration, one for each version that wrote it. */
export const BEFORE = '.before';

/** Entries that are not configuration: copies, the update record, a requested reset, ext4's lost+found. */
const LEFT_OUT = new Set([BEFORE, 'update', 'reset', 'lost+found']);

/**
 * Copies the configuration of the running version, before another version runs with it. The copy is made atomically.
 * @param configuration `/quantix`
 * @param keep versions whose copies are kept; those of all others are removed
 * @throws DiskError
 */
export async function copyConfiguration(
  configuration: string,
  version: string,
  keep: readonly string[] = [],
): Promise<void> {
  const folder = join(configuration, BEFORE);
  const copy = placeOf(configuration, version);
  const temporary = join(folder, `.${version}.tmp`);
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    await rm(temporary, { recursive: true, force: true });
    await mkdir(temporary, { mode: 0o700 });
    for (const name of await readdir(configuration)) {
      if (!LEFT_OUT.has(name)) await copyTree(join(configuration, name), join(temporary, name));
    }
    await syncFolder(temporary);
    // An older copy for the same version is removed only when this one is complete.
    await rm(copy, { recursive: true, force: true });
    await rename(temporary, copy);
    await syncRenamed(copy);
    const stays = [version, ...keep];
    for (const other of (await readdir(folder)).filter((name) => !stays.includes(name))) {
      await rm(join(folder, other), { recursive: true, force: true });
    }
    await syncFolder(folder);
    await syncFolder(configuration);
  } catch (error) {
    throw asDiskError(copy, error);
  }
}

/**
 * Restores the copy of a version's configuration; files that were added later stay.
 * @throws UpdateRefusal if there is no copy of that version; DiskError
 */
export async function restoreConfiguration(configuration: string, version: string): Promise<void> {
  const copy = placeOf(configuration, version);
  for (const name of await listNamesInCopy(configuration, version)) {
    await copyTree(join(copy, name), join(configuration, name)).catch((error: unknown) => {
      throw asDiskError(join(configuration, name), error);
    });
  }
  await syncFolder(configuration);
}

/** Returns the names in the copy of a version. @throws UpdateRefusal if there is none */
export async function listNamesInCopy(configuration: string, version: string): Promise<string[]> {
  const copy = placeOf(configuration, version);
  return await readdir(copy).catch((cause: unknown) => {
    throw new UpdateRefusal({
      what: `there is no copy of the configuration of ${version}`,
      where: copy,
      fix: 'Go back without it.',
      cause,
    });
  });
}

/**
 * Restores the configuration for the version that is to be tried. Until that version is confirmed, a note names the
 * version whose configuration was replaced.
 * @param running the running version, whose configuration has been copied
 * @throws UpdateRefusal if there is no copy of the other version; DiskError
 */
export async function exchangeConfiguration(
  configuration: string,
  { running, to }: { running: string; to: string },
): Promise<void> {
  await writeDurably(exchangeNote(configuration), `${running}\n`, 0o600);
  await restoreConfiguration(configuration, to);
}

/**
 * Restores the configuration of the running version, if it was replaced for a version that is no longer tried. Files
 * that only the other version had are removed again: one may be an SSH key that was withdrawn since.
 * @returns whether it had been replaced
 * @throws UpdateRefusal if its copy is gone; DiskError
 */
export async function undoExchange(configuration: string, running: string): Promise<boolean> {
  const note = exchangeNote(configuration);
  if ((await readIfThere(note))?.trim() !== running) return false;
  await restoreConfiguration(configuration, running);
  const [copy, folder] = [placeOf(configuration, running), join(configuration, BEFORE)];
  for (const other of await readdir(folder)) {
    if (other === running || other.startsWith('.')) continue;
    await removeAdded({ other: join(folder, other), own: copy, target: configuration });
  }
  // A note that came back after a power failure would put this old copy in place of what was set since.
  await removeDurably(note);
  return true;
}

/** Makes the present configuration permanent: removes the note, so that `undoExchange` no longer replaces it. */
export async function keepExchange(configuration: string): Promise<void> {
  const note = exchangeNote(configuration);
  if (await isThere(note)) await removeDurably(note);
}

/**
 * Returns the path of the note that names the version whose configuration was replaced; `copyConfiguration` removes the
 * note, like the copies of other versions.
 */
function exchangeNote(configuration: string): string {
  return join(configuration, BEFORE, '.exchanged');
}

/**
 * Returns the folder of a version's copy. The version comes from a slot's trailer and must not lead out of the folder
 * of copies. @throws UpdateRefusal if it could
 */
function placeOf(configuration: string, version: string): string {
  if (/^[0-9A-Za-z][0-9A-Za-z.-]*$/.test(version)) return join(configuration, BEFORE, version);
  throw new UpdateRefusal({ what: `${JSON.stringify(version)} is not a valid version` });
}

/** Copies files and folders and nothing else; each file is replaced atomically. */
async function copyTree(from: string, to: string): Promise<void> {
  const found = await lstat(from);
  if (found.isDirectory()) {
    await mkdir(to, { recursive: true, mode: found.mode & 0o777 });
    for (const name of await readdir(from)) await copyTree(join(from, name), join(to, name));
    await syncFolder(to);
    return;
  }
  if (!found.isFile()) return;
  const temporary = join(dirname(to), `.${process.pid}.copy.tmp`);
  await copyFile(from, temporary);
  await using file = await open(temporary, 'r+');
  await file.chmod(found.mode & 0o777);
  await file.chown(found.uid, found.gid).catch(ignoreUnknownOwners);
  await file.sync();
  await rename(temporary, to);
  // As in writeDurably.
  await file.sync();
}

/** Removes from a folder the files of another version's copy that are not in the own copy, and folders left empty. */
async function removeAdded(paths: { other: string; own: string; target: string }): Promise<void> {
  const { other, own, target } = paths;
  let removed = false;
  for (const entry of await readdir(other, { withFileTypes: true })) {
    const below = {
      ...{ other: join(other, entry.name), own: join(own, entry.name) },
      target: join(target, entry.name),
    };
    if (entry.isDirectory() && (await isThere(below.target))) {
      await removeAdded(below);
      if ((await isThere(below.own)) || (await readdir(below.target)).length > 0) continue;
      await rmdir(below.target);
    } else if (await isThere(below.own)) continue;
    else await rm(below.target, { force: true });
    removed = true;
  }
  if (removed) await syncFolder(target);
}

/** FAT has no owners: every file there belongs to root. */
function ignoreUnknownOwners(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EPERM') throw error;
}
