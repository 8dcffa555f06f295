/** A path of an image. */
export interface ImageNode {
  /** Path as in a tree; the empty string is the root directory. */
  readonly path: string;
  readonly type: 'file' | 'directory' | 'symlink' | 'character' | 'block' | 'fifo' | 'socket';
  /** Permission bits with setuid, setgid and sticky. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** In seconds since 1970. */
  readonly mtime: number;
  /** Size of a file in bytes. */
  readonly size: number;
  /** Target of a symbolic link; empty for other types. */
  readonly target: string;
  /** Numbers of a device; 0 for other types. */
  readonly major: number;
  readonly minor: number;
  /** Extended attributes: name → value in hex. */
  readonly attributes: Readonly<Record<string, string>>;
  /** Paths with the same number are the same file. */
  readonly inode: number;
}
