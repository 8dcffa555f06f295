import { must } from '../../error.ts';
import type { DirectoryEntry, Entry } from '../../tree/entry.ts';

/** Directories that every root filesystem has, with the modes of hier(7) and the FHS. */
const DIRECTORIES: Readonly<Record<string, number>> = {
  data: 0o755,
  dev: 0o755,
  etc: 0o755,
  home: 0o755,
  mnt: 0o755,
  proc: 0o555,
  root: 0o700,
  run: 0o755,
  sys: 0o555,
  tmp: 0o1777,
  usr: 0o755,
  'usr/bin': 0o755,
  'usr/lib': 0o755,
  'usr/lib64': 0o755,
  'usr/sbin': 0o755,
  var: 0o755,
  'var/cache': 0o755,
  'var/lib': 0o755,
  'var/log': 0o755,
  'var/spool': 0o755,
  'var/tmp': 0o1777,
};

/** Links of a merged `/usr`. */
const LINKS = {
  bin: 'usr/bin',
  lib: 'usr/lib',
  lib64: 'usr/lib64',
  sbin: 'usr/sbin',
} as const;

/**
 * Returns the skeleton for a base whose packages contain the standard directories: the mount point of the data
 * partition, and a merged `/usr` with its links.
 */
export function makeSmallSkeleton(): Entry[] {
  const { bin, lib, sbin } = LINKS;
  const directories = ['data', 'usr', 'usr/bin', 'usr/lib', 'usr/sbin'];
  return [...directories.map(directory), ...links({ bin, lib, sbin })];
}

const OWNER = { uid: 0, gid: 0, origin: 'skeleton' };

/**
 * Returns the skeleton of a root filesystem before the first package: mount points, and the links of a merged `/usr`.
 */
export function makeSkeleton(): Entry[] {
  return [...Object.keys(DIRECTORIES).map(directory), ...links(LINKS)];
}

/** Returns a directory on which the appliance mounts a file system. */
export function mountPoint(path: string): DirectoryEntry {
  return { ...OWNER, type: 'directory', path, mode: 0o755 };
}

function directory(path: string): DirectoryEntry {
  return { ...OWNER, type: 'directory', path, mode: must(DIRECTORIES[path], `mode of ${path}`) };
}

function links(targets: Readonly<Record<string, string>>): Entry[] {
  return Object.entries(targets).map(([path, target]) => ({
    ...OWNER,
    type: 'symlink',
    path,
    mode: 0o777,
    target,
  }));
}
