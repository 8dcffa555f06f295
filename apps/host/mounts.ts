import { join } from 'node:path';
import { readText } from './read.ts';

/** An entry of the kernel's mount table. */
export interface Mount {
  /** `major:minor` of the file system; the same for all its mounts. */
  device: string;
  /** Folder of the file system that is mounted: `/` except for a bind mount or a subvolume. */
  root: string;
  /** Mount point. */
  path: string;
  type: string;
  /** A device, `server:/export`, or an arbitrary word. */
  source: string;
  readOnly: boolean;
}

/**
 * Parses /proc/self/mountinfo (proc_pid_mountinfo(5)), where blanks, line feeds and backslashes in names are
 * escaped in octal. Of several mounts on one folder, only the last one is visible and returned. Malformed lines are
 * left out.
 */
export function parseMounts(text: string): Mount[] {
  const mounts = new Map<string, Mount>();
  for (const line of text.split('\n')) {
    const [own = '', shared] = line.split(' - ', 2);
    const [, , device, root, path, options] = own.split(' ');
    const [type, source, superOptions] = shared?.split(' ') ?? [];
    if (!device || !root || !path || !options || !type || source === undefined) continue;
    const all = [...options.split(','), ...(superOptions?.split(',') ?? [])];
    const place = decoded(path);
    mounts.delete(place);
    mounts.set(place, {
      device,
      root: decoded(root),
      path: place,
      type,
      source: decoded(source),
      readOnly: all.includes('ro'),
    });
  }
  return [...mounts.values()];
}

/** Reads the mounts of this process. @param root folder that contains proc */
export async function readMounts(root = '/'): Promise<Mount[]> {
  return parseMounts(await readText(join(root, 'proc/self/mountinfo')));
}

/** Returns whether a path is a mount point that is writable, so that what is written to it survives a restart. */
export function isWritableMount(path: string, mounts: readonly Mount[]): boolean {
  return mounts.some((mount) => mount.path === path && !mount.readOnly);
}

function decoded(name: string): string {
  return name.replaceAll(/\\([0-3][0-7]{2})/g, (_, octal) =>
    String.fromCharCode(Number.parseInt(octal, 8)),
  );
}
