import { access, open, readdir, readFile, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { getErrorCode } from '../process/code-of.ts';
import { asDiskError } from './disk-error.ts';

/** Reads a text file; returns `undefined` if it does not exist. */
export async function readIfThere(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    if (getErrorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/**
 * Writes a file atomically and durably, also across a power failure: temporary name, fsync, rename, fsync of the file
 * and its folder. FAT stores a file's length and first cluster in its folder, and Linux writes them under a new name
 * only when the file itself is synced again: until then, a power failure leaves an empty file.
 * @param mode permissions, such as `0o600`
 * @throws DiskError
 */
export async function writeDurably(
  file: string,
  content: string | Uint8Array,
  mode: number,
): Promise<void> {
  const temporary = temporaryName(file);
  try {
    await writeSynced(temporary, content, mode);
    await rename(temporary, file);
    await syncRenamed(file);
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => undefined);
    throw asDiskError(file, error);
  }
}

/** Checks that a file can be written, by writing a temporary file beside it. @throws DiskError */
export async function expectWritable(file: string, text: string): Promise<void> {
  const temporary = temporaryName(file);
  try {
    await writeSynced(temporary, text, 0o600);
    await rm(temporary);
  } catch (error) {
    throw asDiskError(file, error);
  }
}

function temporaryName(file: string): string {
  return join(dirname(file), `.${basename(file)}.${process.pid}.tmp`);
}

async function writeSynced(
  file: string,
  content: string | Uint8Array,
  mode: number,
): Promise<void> {
  await rm(file, { force: true });
  const written = await open(file, 'wx', mode);
  try {
    await written.writeFile(content);
    await written.sync();
  } finally {
    await written.close();
  }
}

/**
 * Renames an unusable file to `<file>.rejected`, or to `.rejected-2` and so on if that name is taken.
 * @returns its new name
 */
export async function setAside(file: string): Promise<string> {
  let target = `${file}.rejected`;
  for (let number = 2; await isThere(target); number += 1) target = `${file}.rejected-${number}`;
  await rename(file, target);
  await syncRenamed(target);
  return target;
}

/** Lists the paths of the files in a folder that were set aside, sorted; none if there is no folder. */
export async function listSetAside(folder: string): Promise<string[]> {
  try {
    const names = await readdir(folder);
    const aside = names.filter((name) => /\.rejected(-\d+)?$/.test(name));
    return aside.sort().map((name) => join(folder, name));
  } catch (error) {
    if (getErrorCode(error) === 'ENOENT') return [];
    throw error;
  }
}

/** Returns whether a file or folder exists. @throws other errors of access(2), such as EACCES */
export async function isThere(file: string): Promise<boolean> {
  try {
    await access(file);
    return true;
  } catch (error) {
    if (getErrorCode(error) === 'ENOENT') return false;
    throw error;
  }
}

/**
 * Removes a file, if it exists, and syncs its folder, so that the file does not come back after a power failure.
 * @throws ENOENT if its folder does not exist; other system errors
 */
export async function removeDurably(file: string): Promise<void> {
  await rm(file, { force: true });
  await syncFolder(dirname(file));
}

/** Syncs a folder, so that new names in it survive a power failure; files that were renamed need `syncRenamed`. */
export async function syncFolder(folder: string): Promise<void> {
  await sync(folder);
}

/** Syncs a file or folder that was renamed, and its folder, so that it survives a power failure under its new name. */
export async function syncRenamed(path: string): Promise<void> {
  await sync(path);
  await sync(dirname(path));
}

async function sync(path: string): Promise<void> {
  await using handle = await open(path, 'r');
  await handle.sync();
}
