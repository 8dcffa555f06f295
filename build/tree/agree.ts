import { BuildError } from '../error.ts';
import type { Entry } from './entry.ts';

/** Whether an entry is the file at `path` or a hard link to it. */
export function isNameOf(entry: Entry, path: string): boolean {
  if (entry.type === 'hardlink') return entry.target === path;
  return entry.type === 'file' && entry.path === path;
}

/** Whether two entries have the same owner, permissions and extended attributes. */
export function isSameOwner(a: Entry, b: Entry): boolean {
  return a.mode === b.mode && a.uid === b.uid && a.gid === b.gid && sameAttributes(a, b);
}

function sameAttributes({ attributes: a = {} }: Entry, { attributes: b = {} }: Entry): boolean {
  const names = new Set([...Object.keys(a), ...Object.keys(b)]);
  return [...names].every((name) => a[name] === b[name]);
}

/** Whether two entries without content are equal. Mode and owner of a symbolic link are ignored. */
export function isSameNode(a: Entry, b: Entry): boolean {
  if (a.type === 'symlink' && b.type === 'symlink') return a.target === b.target;
  if (a.type === 'fifo' && b.type === 'fifo') return isSameOwner(a, b);
  if (a.type !== 'character' && a.type !== 'block') return false;
  return a.type === b.type && isSameOwner(a, b) && a.major === b.major && a.minor === b.minor;
}

/** Returns the error for two packages, or a package and an overlay, that have different entries at one path. */
export function conflict(present: Entry, added: Entry): BuildError {
  const where = present.path === added.path ? present.path : `${present.path}, ${added.path}`;
  return new BuildError({
    what: `${present.origin} (${present.type}) and ${added.origin} (${added.type}) both claim one path with different content`,
    where,
    fix: 'Leave one of them out in the profile.',
  });
}
