import { randomBytes } from 'node:crypto';
import { mkdir, open, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { BuildError } from '../error.ts';
import { errorCode } from './errno.ts';

/** Options for making a file; all are optional. */
export interface AtomicOptions {
  /** Folder of the temporary file, on the same file system; the file's own folder if absent. */
  folder?: string;
  /** Permissions of the file, including while it is written; 0666 less the umask if absent. */
  mode?: number;
}

/** Format of the names from `makeTemporaryName`: a dot, the file's name, process id and random digits, `.tmp`. */
export const TEMPORARY_NAME = /^\.(?<of>.+)\.\d+-[0-9a-f]{12}\.tmp$/;

/**
 * Returns a hidden name for an unfinished file. The name is unique even between containers, in which processes may have
 * equal ids.
 * @param folder its folder; that of the file if absent
 */
export function makeTemporaryName(file: string, folder = dirname(file)): string {
  const unique = `${process.pid}-${randomBytes(6).toString('hex')}`;
  return join(folder, `.${basename(file)}.${unique}.tmp`);
}

/**
 * Makes a file under a temporary name, syncs and renames it, so that it exists completely or not at all. Its folder is
 * created if needed.
 * @param make writes the file at the path it is given
 * @throws BuildError if something other than a file has the name: a device is never replaced by a file
 */
export async function makeAtomically<T>(
  file: string,
  make: (temporary: string) => Promise<T>,
  { folder = dirname(file), mode }: AtomicOptions = {},
): Promise<T> {
  await refuseOther(file);
  await mkdir(dirname(file), { recursive: true });
  await mkdir(folder, { recursive: true });
  const temporary = makeTemporaryName(file, folder);
  try {
    if (mode !== undefined) await (await open(temporary, 'wx', mode)).close();
    const made = await make(temporary);
    const written = await open(temporary, 'r');
    await written.sync().finally(() => written.close());
    await rename(temporary, file);
    return made;
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

/** Writes text or bytes to a file, completely or not at all. */
export async function writeFileAtomically(
  file: string,
  data: string | Uint8Array,
  options?: AtomicOptions,
): Promise<void> {
  await makeAtomically(
    file,
    async (temporary) => {
      const written = await open(temporary, 'w');
      await written.writeFile(data).finally(() => written.close());
    },
    options,
  );
}

async function refuseOther(file: string): Promise<void> {
  const there = await statIfThere(file);
  if (there === undefined || there.isFile()) return;
  const device = there.isBlockDevice() || there.isCharacterDevice();
  throw new BuildError({
    what: `this is ${device ? 'a device' : there.isDirectory() ? 'a folder' : 'a pipe or socket'}, not a file`,
    where: file,
    fix: device ? 'Write a file, and copy it to the device with dd.' : 'Give another name.',
  });
}

async function statIfThere(file: string) {
  try {
    return await stat(file);
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}
