import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { z } from 'zod';
import { BuildError } from '../error.ts';
import type { Profile } from '../profile/profile.ts';

/** File with the list of programs. */
const LIST = 'apps/programs.ts';

const listSchema = z.object({ PROGRAMS: z.record(z.string(), z.unknown()) });

/**
 * Checks that the programs in a profile exist.
 * @throws BuildError that names the unknown programs and the existing ones
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
    what: `the profile names programs that do not exist: ${unknown.join(', ')}`,
    where: file,
    fix: `The programs are: ${known.join(', ')}.`,
  });
}
