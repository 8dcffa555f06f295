import { randomBytes } from 'node:crypto';
import { mkdir, open, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { BuildError } from '../error.ts';
import { errorCode } from './errno.ts';

/** How a file is made; everything is optional. */
export interface AtomicOptions {
  /** Folder of the temporary name, on the same file system; the file's own if absent. */
  folder?: string;
  /** Permissions of the file, also while it is written; what the umask leaves of 0666 if absent. */
  mode?: number;
}

/** Names that `temporaryName` gives: a dot, the file's own name, process id and random digits, `.tmp`. */
export const TEMPORARY_NAME = /^\.(?<of>.+)\.\d+-[0-9a-f]{12}\.tmp$/;

/**
 * A hidden name for a file before it is complete. It is unique: processes in containers have the same ids.
 * @param folder where it is; beside the file if absent
 */
export function temporaryName(file: string, folder = dirname(file)): string {
  const unique = `${process.pid}-${randomBytes(6).toString('hex')}`;
  return join(folder, `.${basename(file)}.${unique}.tmp`);
}

/**
 * Makes a file under a temporary name, synced and renamed, so that it is there whole or not at all. Its folder is
 * made if it is missing.
 * @param make writes the file under the name it is given
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
  const temporary = temporaryName(file, folder);
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

/** Writes text or bytes to a file, whole or not at all. */
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
