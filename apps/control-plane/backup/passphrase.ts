import { messageOf } from '../../error.ts';
import { readIfThere } from '../../files/durable-file.ts';
import { ControlPlaneError } from '../error.ts';

/** Least number of characters of a passphrase: it alone protects all hosts if a copy of a backup leaks. */
export const LEAST_CHARACTERS = 12;

/**
 * Reads a passphrase from the first line of a file.
 * @returns undefined if there is no such file
 * @throws ControlPlaneError if it cannot be read, or is too short
 */
export async function readPassphrase(file: string): Promise<string | undefined> {
  let text: string | undefined;
  try {
    text = await readIfThere(file);
  } catch (cause) {
    const what = `the passphrase cannot be read: ${messageOf(cause)}`;
    throw new ControlPlaneError({ what, where: file, cause });
  }
  if (text === undefined) return undefined;
  const [line = ''] = text.split(/\r?\n/);
  return expectLong(line, file);
}

/** Returns the passphrase. @throws ControlPlaneError if it is too short */
export function expectLong(passphrase: string, where?: string): string {
  if (passphrase.length >= LEAST_CHARACTERS) return passphrase;
  throw new ControlPlaneError({
    what: `a passphrase has at least ${LEAST_CHARACTERS} characters`,
    where,
  });
}
