import { statSync } from 'node:fs';
import { posix } from 'node:path';
import type { OwnNames } from '../profile/profile.ts';
import type { Entry } from '../tree/entry.ts';

/** Folder of the links to the executable. */
const FOLDER = 'usr/sbin';

/**
 * Returns the executable's entry in an image, `/usr/lib/NAMESPACE/PREFIX`, and a link for each program; the name of the
 * link tells the executable which program to run.
 * @param file path of the executable on the host
 */
export function makeProgramEntries(
  file: string,
  { namespace, programPrefix, programs }: OwnNames & { programs: readonly string[] },
): Entry[] {
  const executable = `usr/lib/${namespace}/${programPrefix}`;
  const common = { uid: 0, gid: 0, origin: 'programs' } as const;
  const target = posix.relative(FOLDER, executable);
  return [
    {
      ...common,
      type: 'file',
      path: executable,
      mode: 0o755,
      size: statSync(file).size,
      content: { in: 'file', file, offset: 0 },
    },
    ...programs.map(
      (name): Entry => ({
        ...common,
        type: 'symlink',
        path: `${FOLDER}/${name}`,
        mode: 0o777,
        target,
      }),
    ),
  ];
}
