import type { DirectoryEntry, Entry, FileEntry } from '../../../tree/entry.ts';
import type { InstalledPackage } from './package.ts';
import { makeScriptsTar } from './scripts.ts';
import { formatInstalled, formatTriggers, formatWorld } from './write.ts';

/** Contents of the installed database and of apk's configuration. */
export interface Database {
  readonly packages: readonly InstalledPackage[];
  /** Dependencies of world: `busybox`, `openssl>3`. */
  readonly world: readonly string[];
  /** Alpine's name of the architecture: `aarch64`. */
  readonly architecture: string;
  /** Addresses for `/etc/apk/repositories`, one per line; apk itself does not write this file. */
  readonly repositories?: readonly string[] | undefined;
  /** Keys for `/etc/apk/keys`: file name → PEM; apk itself does not add any. */
  readonly keys?: ReadonlyMap<string, string> | undefined;
}

const ORIGIN = 'package database';
const root = { uid: 0, gid: 0, origin: ORIGIN } as const;

/**
 * Returns the directories that `apk --initdb` creates before the first package; packages contain them with the same
 * owner and mode. Device nodes are left out: apk creates them only as root, and a booted system has them in a devtmpfs.
 */
export function makeInitialDirectories(): DirectoryEntry[] {
  const usual = ['dev', 'etc', 'etc/apk', 'lib', 'lib/apk', 'lib/apk/db', 'var', 'var/cache'];
  return [
    directory('tmp', 0o1777),
    directory('proc', 0o555),
    ...[...usual, 'var/cache/apk', 'var/cache/misc'].map((path) => directory(path, 0o755)),
  ];
}

/**
 * Returns the files of the database and the configuration, as apk 2.14.4 writes them. The caller adds them after all
 * packages.
 */
export function makeDatabaseFiles(database: Database): Entry[] {
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
    file('lib/apk/db/scripts.tar', makeScriptsTar(packages)),
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
