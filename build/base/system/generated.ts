import type { DirectoryEntry, FileEntry, SymlinkEntry } from '../../tree/entry.ts';

/** Returns a file with a text, owned by root. */
export function generateFile(path: string, text: string, mode = 0o644): FileEntry {
  const bytes = Buffer.from(text);
  const content = { in: 'memory', bytes } as const;
  return { type: 'file', path, mode, size: bytes.length, content, ...OWNER };
}

/** Returns a symbolic link, owned by root. */
export function generateLink(path: string, target: string): SymlinkEntry {
  return { type: 'symlink', path, mode: 0o777, target, ...OWNER };
}

/** Returns a directory, owned by root. */
export function generateDirectory(path: string, mode: number): DirectoryEntry {
  return { type: 'directory', path, mode, ...OWNER };
}

const OWNER = { uid: 0, gid: 0, origin: 'finish' } as const;
