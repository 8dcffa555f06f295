import type { DirectoryEntry, Entry } from '../../tree/entry.ts';

/** Directories that every root filesystem has, with the modes hier(7) and the FHS give them. */
const DIRECTORIES: Readonly<Record<string, number>> = {
  data: 0o755,
  dev: 0o755,
  etc: 0o755,
  home: 0o755,
  mnt: 0o755,
  proc: 0o555,
  quantix: 0o755,
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
const LINKS: Readonly<Record<string, string>> = {
  bin: 'usr/bin',
  lib: 'usr/lib',
  lib64: 'usr/lib64',
  sbin: 'usr/sbin',
};

/** Mount points that no package knows of: the configuration and the data of the appliance. */
export function mountPoints(): DirectoryEntry[] {
  return ['data', 'quantix'].map((path) => ({ ...OWNER, type: 'directory', path, mode: 0o755 }));
}

const OWNER = { uid: 0, gid: 0, origin: 'skeleton' };

/** What is in a root filesystem before the first package: mount points, and the links of a merged `/usr`. */
export function skeleton(): Entry[] {
  return [
    ...Object.entries(DIRECTORIES).map(
      ([path, mode]): DirectoryEntry => ({ ...OWNER, type: 'directory', path, mode }),
    ),
    ...Object.entries(LINKS).map(
      ([path, target]): Entry => ({ ...OWNER, type: 'symlink', path, mode: 0o777, target }),
    ),
  ];
}
