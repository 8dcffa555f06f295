import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { z } from 'zod';
import { BuildError } from '../error.ts';
import type { Profile } from '../profile/profile.ts';

/** Where the programs are listed by their names. */
const LIST = 'apps/programs.ts';

const listSchema = z.object({ PROGRAMS: z.record(z.string(), z.unknown()) });

/**
 * Sees to it that there are the programs that a profile names.
 * @throws BuildError that names each that there is not, and those that there are
 */
export async function checkPrograms(
  projectDirectory: string,
  { file, programs }: Pick<Profile, 'file' | 'programs'>,
): Promise<void> {
  if (programs.length === 0) return;
  const list = join(projectDirectory, LIST);
  const known = Object.keys(listSchema.parse(await import(pathToFileURL(list).href)).PROGRAMS);
  const unknown = programs.filter((name) => !known.includes(name));
  if (unknown.length === 0) return;
  throw new BuildError({
    what: `the profile names programs that there are not: ${unknown.join(', ')}`,
    where: file,
    fix: `Programs there are: ${known.join(', ')}.`,
  });
}
