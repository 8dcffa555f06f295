import { join } from 'node:path';
import { readText } from './read.ts';

/** A mount, as the kernel tells of it. */
export interface Mount {
  /** `major:minor` of the file system; the same for all its mounts. */
  device: string;
  /** Folder of the file system that is mounted: `/` unless it is a bind mount or a subvolume. */
  root: string;
  /** Where it is mounted. */
  path: string;
  type: string;
  /** A device, `server:/export`, or just a word. */
  source: string;
  readOnly: boolean;
}

/**
 * Parses /proc/self/mountinfo (proc_pid_mountinfo(5)). Blanks, line feeds and backslashes of names are octal there. Of
 * several mounts on one folder only the last one can be reached, and counts. Lines that are not like that are left out.
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

/** Mounts that this process sees. @param root folder in which proc is */
export async function readMounts(root = '/'): Promise<Mount[]> {
  return parseMounts(await readText(join(root, 'proc/self/mountinfo')));
}

/** Whether something is mounted there that can be written: what is written to it outlives a restart. */
export function isWritableMount(path: string, mounts: readonly Mount[]): boolean {
  return mounts.some((mount) => mount.path === path && !mount.readOnly);
}

function decoded(name: string): string {
  return name.replaceAll(/\\([0-3][0-7]{2})/g, (_, octal) =>
    String.fromCharCode(Number.parseInt(octal, 8)),
  );
}
