import { BuildError } from '../error.ts';
import type { SymlinkEntry } from './entry.ts';

/** Longest path and longest name in Linux (`PATH_MAX` without the NUL, `NAME_MAX`), in bytes. */
const LONGEST_PATH = 4095;
const LONGEST_NAME = 255;

/**
 * Converts a name found in an archive to a tree path: strips a leading `./` and trailing slashes, and refuses
 * everything that could point outside the tree or cannot be a file name.
 * @param name as written in the archive
 * @param where the archive, for the message
 * @returns a tree path; the empty string for the root directory itself
 * @throws BuildError on an absolute name, `..`, NUL, invalid UTF-8, or a name or path too long for Linux
 */
export function parseTreePath(name: string, where: string): string {
  if (name.startsWith('/')) throw refused(name, 'is absolute', where);
  if (name.includes('\0')) throw refused(name, 'contains a NUL byte', where);
  if (name.includes('\ufffd')) throw refused(name, 'is not UTF-8', where);
  const parts = name.split('/').filter((part) => part !== '' && part !== '.');
  if (parts.includes('..')) throw refused(name, 'leaves the tree', where);
  if (parts.some((part) => Buffer.byteLength(part) > LONGEST_NAME)) {
    throw refused(name, `has a part of more than ${LONGEST_NAME} bytes`, where);
  }
  const path = parts.join('/');
  if (Buffer.byteLength(path) > LONGEST_PATH) {
    throw refused(name, `is longer than ${LONGEST_PATH} bytes`, where);
  }
  return path;
}

function refused(name: string, why: string, where: string): BuildError {
  const shown = JSON.stringify(name.length > 120 ? `${name.slice(0, 120)}…` : name);
  return new BuildError({
    what: `name ${shown} ${why}`,
    where,
    fix: 'The archive is damaged or hostile; nothing was taken from it.',
  });
}

/**
 * Refuses a symbolic link that Linux cannot create.
 * @throws BuildError on an empty target, a NUL, or a target longer than 4095 bytes
 */
export function checkLinkTarget({ path, target, origin }: SymlinkEntry): void {
  if (target === '') throw refused(path, 'is a link to nothing', origin);
  if (target.includes('\0'))
    throw refused(path, 'is a link whose target contains a NUL byte', origin);
  if (Buffer.byteLength(target) > LONGEST_PATH) {
    throw refused(path, `is a link whose target is longer than ${LONGEST_PATH} bytes`, origin);
  }
}

/** Returns the directory part of a tree path; the empty string is the root. */
export function getParent(path: string): string {
  const slash = path.lastIndexOf('/');
  return slash < 0 ? '' : path.slice(0, slash);
}

/** Returns the last part of a tree path. */
export function nameOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}
