import type { HashedFile } from '../process/hashed-file.ts';

/** Maximum number of bytes of content, and of entries, in one archive. More is treated as an attack. */
export const MOST_BYTES = 8 * 1024 ** 3;
export const MOST_ENTRIES = 500_000;

/**
 * Where the bytes of a file are: in memory, in a slice of a cached file (an opened package, an artifact), or in a file
 * outside the cache, such as a large one of an overlay. The length is the entry's `size`.
 */
export type Content =
  | { readonly in: 'memory'; readonly bytes: Uint8Array }
  | { readonly in: 'file'; readonly file: string; readonly offset: number }
  | { readonly in: 'hashed'; readonly file: HashedFile };

interface Common {
  /** Path in the root filesystem: relative, `/`-separated, without `.`, `..` or empty parts. */
  readonly path: string;
  /** Permission bits with setuid, setgid and sticky: 0 to 0o7777. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Extended attributes (xattr(7)): name, such as `security.capability`, → value in hex. */
  readonly attributes?: Readonly<Record<string, string>> | undefined;
  /** What added it, for messages: `package libc6`, `overlay common`, `profile`, `finish`. */
  readonly origin: string;
}

export interface FileEntry extends Common {
  readonly type: 'file';
  /** Size in bytes. */
  readonly size: number;
  readonly content: Content;
}

export interface DirectoryEntry extends Common {
  readonly type: 'directory';
}

export interface SymlinkEntry extends Common {
  readonly type: 'symlink';
  /** Target as written in the link: absolute (from the root of the root filesystem) or relative. */
  readonly target: string;
}

export interface HardLinkEntry extends Common {
  readonly type: 'hardlink';
  /** `path` of the file that this entry is another name for. */
  readonly target: string;
}

export interface DeviceEntry extends Common {
  readonly type: 'character' | 'block';
  readonly major: number;
  readonly minor: number;
}

export interface FifoEntry extends Common {
  readonly type: 'fifo';
}

/** One path of a root filesystem. It has no times: every file of an image gets the lock's time stamp. */
export type Entry =
  | FileEntry
  | DirectoryEntry
  | SymlinkEntry
  | HardLinkEntry
  | DeviceEntry
  | FifoEntry;
