/** One path as an image holds it. */
export interface ImageNode {
  /** As a tree has it; the empty string is the root directory. */
  readonly path: string;
  readonly type: 'file' | 'directory' | 'symlink' | 'character' | 'block' | 'fifo' | 'socket';
  /** Permission bits with setuid, setgid and sticky. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Seconds since 1970. */
  readonly mtime: number;
  /** Bytes of a file. */
  readonly size: number;
  /** Of a symbolic link, else empty. */
  readonly target: string;
  /** Of a device, else 0. */
  readonly major: number;
  readonly minor: number;
  /** Extended attributes: name → value in hex. */
  readonly attributes: Readonly<Record<string, string>>;
  /** Names with one number are one file. */
  readonly inode: number;
}
