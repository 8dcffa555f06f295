import { access, open, readFile, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { codeOf } from '../process/code-of.ts';

/** Reads a text file; `undefined` if there is none. */
export async function readIfThere(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/**
 * Writes a file that is there whole or not at all, also after a power cut: temporary name, fsync, rename, fsync of the
 * folder.
 * @param mode permissions, such as `0o600`
 */
export async function writeDurably(file: string, text: string, mode: number): Promise<void> {
  const temporary = join(dirname(file), `.${basename(file)}.${process.pid}.tmp`);
  try {
    await rm(temporary, { force: true });
    const written = await open(temporary, 'wx', mode);
    try {
      await written.writeFile(text);
      await written.sync();
    } finally {
      await written.close();
    }
    await rename(temporary, file);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  await syncFolder(dirname(file));
}

/**
 * Renames a file that cannot be used to `<file>.rejected`, or `.rejected-2` and so on if there is one already.
 * @returns its new name
 */
export async function setAside(file: string): Promise<string> {
  let target = `${file}.rejected`;
  for (let number = 2; await exists(target); number += 1) target = `${file}.rejected-${number}`;
  await rename(file, target);
  await syncFolder(dirname(file));
  return target;
}

async function exists(file: string): Promise<boolean> {
  try {
    await access(file);
    return true;
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return false;
    throw error;
  }
}

/** Has the names in a folder outlive a power cut. */
export async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  await handle.sync().finally(() => handle.close());
}
