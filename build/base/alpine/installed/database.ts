import type { DirectoryEntry, Entry, FileEntry } from '../../../tree/entry.ts';
import type { InstalledPackage } from './package.ts';
import { scriptsTar } from './scripts.ts';
import { formatInstalled, formatTriggers, formatWorld } from './write.ts';

/** What the installed database and apk's configuration say. */
export interface Database {
  readonly packages: readonly InstalledPackage[];
  /** What is wanted: `busybox`, `openssl>3`. */
  readonly world: readonly string[];
  /** Alpine's name of the architecture: `aarch64`. */
  readonly architecture: string;
  /** Addresses for `/etc/apk/repositories`, a line each; apk itself writes no such file. */
  readonly repositories?: readonly string[] | undefined;
  /** Keys for `/etc/apk/keys`: file name → PEM; apk itself puts none there. */
  readonly keys?: ReadonlyMap<string, string> | undefined;
}

const ORIGIN = 'package database';
const root = { uid: 0, gid: 0, origin: ORIGIN } as const;

/**
 * Directories that `apk --initdb` makes before the first package; those of packages agree with them.
 * Device nodes are left out: apk makes them only as root, and a booted system has them in a devtmpfs.
 */
export function initialDirectories(): DirectoryEntry[] {
  const usual = ['dev', 'etc', 'etc/apk', 'lib', 'lib/apk', 'lib/apk/db', 'var', 'var/cache'];
  return [
    directory('tmp', 0o1777),
    directory('proc', 0o555),
    ...[...usual, 'var/cache/apk', 'var/cache/misc'].map((path) => directory(path, 0o755)),
  ];
}

/** Files of the database and the configuration, as apk 2.14.4 writes them. They come after all packages. */
export function databaseFiles(database: Database): Entry[] {
  const {
    packages,
    world,
    architecture,
    repositories,
    keys = new Map<string, string>(),
  } = database;
  return [
    file('etc/apk/world', formatWorld(world)),
    file('etc/apk/arch', `${architecture}\n`),
    ...(repositories === undefined
      ? []
      : [file('etc/apk/repositories', repositories.map((line) => `${line}\n`).join(''))]),
    ...[...keys].map(([name, pem]) => file(`etc/apk/keys/${name}`, pem)),
    file('lib/apk/db/installed', formatInstalled(packages)),
    file('lib/apk/db/scripts.tar', scriptsTar(packages)),
    file('lib/apk/db/triggers', formatTriggers(packages)),
    { ...file('lib/apk/db/lock', ''), mode: 0o600 },
  ];
}

function directory(path: string, mode: number): DirectoryEntry {
  return { ...root, type: 'directory', path, mode };
}

function file(path: string, content: string | Buffer): FileEntry {
  const bytes = typeof content === 'string' ? Buffer.from(content) : content;
  const { length: size } = bytes;
  return { ...root, type: 'file', path, mode: 0o644, size, content: { in: 'memory', bytes } };
}
