import { ContentReader } from '../../../build/tree/content.ts';
import type { DirectoryEntry, Entry, FileEntry, SymlinkEntry } from '../../../build/tree/entry.ts';
import { Tree } from '../../../build/tree/tree.ts';

const owned = { uid: 0, gid: 0, origin: 'package test' };

/** A regular file in memory. */
export function file(
  path: string,
  content: string | Uint8Array = '',
  more: Partial<Pick<FileEntry, 'mode' | 'uid' | 'gid' | 'origin'>> = {},
): FileEntry {
  const bytes = typeof content === 'string' ? Buffer.from(content) : content;
  const size = bytes.length;
  return {
    ...owned,
    type: 'file',
    path,
    mode: 0o644,
    size,
    content: { in: 'memory', bytes },
    ...more,
  };
}

/** An executable file in memory. */
export function program(path: string, content: string | Uint8Array): FileEntry {
  return file(path, content, { mode: 0o755 });
}

export function directory(path: string, mode = 0o755, origin = owned.origin): DirectoryEntry {
  return { ...owned, type: 'directory', path, mode, origin };
}

export function symlink(path: string, target: string): SymlinkEntry {
  return { ...owned, type: 'symlink', path, mode: 0o777, target };
}

export function hardlink(path: string, target: string): Entry {
  return { ...owned, type: 'hardlink', path, mode: 0o644, target };
}

/** A tree of these entries, added in this order. */
export function treeOf(...entries: Entry[]): Tree {
  const tree = new Tree(new ContentReader());
  for (const entry of entries) tree.add(entry);
  return tree;
}
