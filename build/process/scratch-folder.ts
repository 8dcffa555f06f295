import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BuildError } from '../error.ts';

/**
 * Creates a folder for scratch files that only this user can access. The caller has to remove it.
 * @param purpose prefix of its name, followed by random characters: `qx-build-vm-`
 * @throws BuildError if the system's folder for such files, `$TMPDIR` or `/tmp`, cannot be used
 */
export async function makeScratchFolder(purpose: string): Promise<string> {
  try {
    return await mkdtemp(join(tmpdir(), purpose));
  } catch (cause) {
    throw new BuildError({
      what: `scratch files cannot be written: ${cause instanceof Error ? cause.message : String(cause)}`,
      where: tmpdir(),
      fix: 'Set TMPDIR to a folder that exists and may be written to.',
      cause,
    });
  }
}
