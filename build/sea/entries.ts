import { statSync } from 'node:fs';
import { posix } from 'node:path';
import type { Entry } from '../tree/entry.ts';

/** Path of the executable in an image. */
const EXECUTABLE = 'usr/lib/quantix/qx';

/** Folder of the links to it. */
const FOLDER = 'usr/sbin';

/**
 * Returns the executable's entry in an image, and a link for each program, whose name tells the executable which
 * program to run.
 * @param file path of the executable on the host
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
