import { statSync } from 'node:fs';
import { posix } from 'node:path';
import type { Entry } from '../tree/entry.ts';

/** Where the executable is in an image. */
const EXECUTABLE = 'usr/lib/quantix/qx';

/** Where its names are. */
const FOLDER = 'usr/sbin';

/**
 * The executable in an image, and a link to it for each program, by whose name it knows what to run.
 * @param file the executable on the host
 */
export function programEntries(file: string, programs: readonly string[]): Entry[] {
  const common = { uid: 0, gid: 0, origin: 'programs' } as const;
  const target = posix.relative(FOLDER, EXECUTABLE);
  return [
    {
      ...common,
      type: 'file',
      path: EXECUTABLE,
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
