import { isUtf8 } from 'node:buffer';
import {
  existsSync,
  lstatSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  type Stats,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { BuildError } from '../error.ts';
import { readHashedFile } from '../process/hashed-file.ts';
import type { Entry, FileEntry } from './entry.ts';

/** The contents of a folder of `overlay/`. */
export interface Overlay {
  name: string;
  /** Files, links and directories, all owned by root: 0755 if executable or a directory, else 0644. */
  entries: Entry[];
}

/**
 * Reads a folder whose files are added to the root filesystem unchanged.
 * @param directory the folder: `overlay/common`
 * @param name its name for messages: `common`
 * @throws BuildError if there is no such folder, or if it contains something other than files, links and directories, a
 *   name that is not UTF-8, permissions that would be lost, or CRLF line ends
 */
export function readOverlay(directory: string, name: string): Overlay {
  if (!existsSync(directory)) {
    throw new BuildError({
      what: `there is no overlay ${JSON.stringify(name)}`,
      where: directory,
      fix: 'Make the folder, or take the name out of the profile.',
    });
  }
  const overlay: Overlay = { name, entries: [] };
  const origin = `overlay ${name}`;
  const read = (path: string): void => {
    const entry = readOne(join(directory, path), path, origin);
    overlay.entries.push(entry);
    if (entry.type === 'directory') readAll(path);
  };
  const readAll = (path: string): void => {
    for (const child of namesIn(join(directory, path))) {
      read(path === '' ? child : `${path}/${child}`);
    }
  };
  readAll('');
  return overlay;
}

/** Names in a folder, sorted. */
function namesIn(folder: string): string[] {
  const names = readdirSync(folder, { encoding: 'buffer' });
  return names.map((name) => utf8(name, 'a name in an overlay', folder)).sort();
}

function utf8(bytes: Buffer, what: string, where: string): string {
  if (isUtf8(bytes)) return bytes.toString('utf8');
  // Latin-1 maps every byte; control characters must not reach the terminal.
  const shown = JSON.stringify(bytes.toString('latin1').replace(/\p{Cc}/gu, '?'));
  throw new BuildError({
    what: `${what} is not UTF-8 (in Latin-1 ${shown})`,
    where,
    fix: 'Rename it; images have names in UTF-8 only.',
  });
}

function readOne(file: string, path: string, origin: string): Entry {
  const stat = lstatSync(file);
  checkMode(stat, file);
  const owner = { path, uid: 0, gid: 0, origin };
  if (stat.isDirectory()) {
    return { ...owner, type: 'directory', mode: 0o755 };
  }
  if (stat.isSymbolicLink()) {
    const target = utf8(readlinkSync(file, { encoding: 'buffer' }), 'the target of a link', file);
    return { ...owner, type: 'symlink', mode: 0o777, target };
  }
  if (!stat.isFile()) {
    throw new BuildError({
      what: 'an overlay may hold files, links and directories only',
      where: file,
      fix: 'Declare devices and the like elsewhere.',
    });
  }
  const mode = (stat.mode & 0o111) === 0 ? 0o644 : 0o755;
  return { ...owner, type: 'file', mode, ...readFileContent(file, stat) };
}

/**
 * Returns the content of a host file that is added unchanged.
 * @throws BuildError if it has CRLF line ends
 */
export function readFileContent(
  file: string,
  { size }: Pick<Stats, 'size'>,
): Pick<FileEntry, 'size' | 'content'> {
  if (size > LARGEST_TEXT) {
    const hashed = readHashedFile(file);
    return { size: hashed.size, content: { in: 'hashed', file: hashed } };
  }
  const bytes = readFileSync(file);
  checkLineEnds(bytes, file);
  return { size: bytes.length, content: { in: 'memory', bytes } };
}

/** Lists the entries of overlays, `common/etc/motd` → entry, in the overlays' order, parents before children. */
export function listOverlayEntries(overlays: readonly Overlay[]): Record<string, Entry> {
  return Object.fromEntries(
    overlays.flatMap(({ name, entries }) =>
      entries.map((entry) => [`${name}/${entry.path}`, entry] as const),
    ),
  );
}

const [SETUID, SETGID, STICKY, READ_BY_ALL] = [0o4000, 0o2000, 0o1000, 0o044];

/**
 * Refuses permissions that would be lost. Git keeps only the executable bit; the other bits of a checkout depend on the
 * umask. Special bits, and a file that fewer users can read than its folder, are therefore set on purpose. A set-gid
 * folder is accepted: it inherits the bit from its parent folder.
 */
function checkMode(stat: Stats, file: string): void {
  const special = stat.isDirectory() ? STICKY : SETUID | SETGID | STICKY;
  const isLost =
    !stat.isSymbolicLink() &&
    ((stat.mode & special) !== 0 || (stat.isFile() && isMorePrivate(stat, dirname(file))));
  if (!isLost) return;
  throw new BuildError({
    what: `the permissions ${(stat.mode & 0o7777).toString(8).padStart(4, '0')} would be lost, for Git does not keep them`,
    where: file,
    fix: 'Make it 0644 or 0755; a service that needs others sets them when it starts (checkpath).',
  });
}

function isMorePrivate({ mode }: Stats, folder: string): boolean {
  return (lstatSync(folder).mode & READ_BY_ALL & ~mode) !== 0;
}

/**
 * Maximum number of bytes of a file that is kept in memory, and whose line ends are checked; larger files are not text.
 */
const LARGEST_TEXT = 1024 * 1024;

/**
 * Refuses CRLF, except in binary files (with a NUL): shells, OpenRC and others treat a carriage return as part of the
 * line.
 */
function checkLineEnds(bytes: Buffer, file: string): void {
  if (!bytes.includes('\r\n') || bytes.includes(0)) return;
  throw new BuildError({
    what: 'a file of an overlay has CRLF line ends',
    where: file,
    fix: 'Save it with LF; if all files have CRLF, clone again after `git config --global core.autocrlf input`.',
  });
}
