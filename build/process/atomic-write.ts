import { open, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

/** A name beside `file` for writing it before it is complete; hidden, and unique to this process. */
export function temporaryName(file: string): string {
  return join(dirname(file), `.${basename(file)}.${process.pid}.tmp`);
}

/**
 * Makes a file by a temporary name beside it, synced and renamed, so that it is there whole or not at all.
 * @param make writes the file under the name it is given
 */
export async function makeAtomically<T>(
  file: string,
  make: (temporary: string) => Promise<T>,
): Promise<T> {
  const temporary = temporaryName(file);
  try {
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
export async function writeFileAtomically(file: string, data: string | Uint8Array): Promise<void> {
  await makeAtomically(file, async (temporary) => {
    const written = await open(temporary, 'w');
    await written.writeFile(data).finally(() => written.close());
  });
}
