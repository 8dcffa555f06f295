import { CommandError } from '../process/command-error.ts';

/** Messages of file system errors (strerror(3)) → codes: those of glibc, and of musl where they differ. */
const WORDS: ReadonlyMap<string, string> = new Map([
  ['Input/output error', 'EIO'],
  ['I/O error', 'EIO'],
  ['Stale file handle', 'ESTALE'],
  ['Structure needs cleaning', 'EUCLEAN'],
  ['Cannot send after transport endpoint shutdown', 'ESHUTDOWN'],
  ['Cannot send after socket shutdown', 'ESHUTDOWN'],
  ['No such device', 'ENODEV'],
  ['No such device or address', 'ENXIO'],
  ['No space left on device', 'ENOSPC'],
  ['Disk quota exceeded', 'EDQUOT'],
  ['Quota exceeded', 'EDQUOT'],
  ['Read-only file system', 'EROFS'],
  ['Permission denied', 'EACCES'],
  ['No such file or directory', 'ENOENT'],
  // Messages of dash and of busybox's shell.
  ['Directory nonexistent', 'ENOENT'],
  ['nonexistent directory', 'ENOENT'],
]);

/** A system error that a child reported. */
export class SystemError extends Error {
  override readonly name = 'SystemError';

  /** Code of errno(3); empty if it is unknown. */
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

/** Parses the system error at the end of a line of standard error: `PROGRAM: WHAT: MESSAGE`. */
export function parseSystemError(line: string): SystemError {
  const words = line.slice(line.lastIndexOf(': ') + 1).trim();
  return new SystemError(WORDS.get(words) ?? '', words === '' ? 'failed without a message' : words);
}

/**
 * Turns the failure of a command into the system error in the last line of its standard error; returns other errors
 * unchanged.
 */
export function toSystemError(error: unknown): unknown {
  if (!(error instanceof CommandError) || error.failure !== 'exit') return error;
  return parseSystemError(error.stderr.trimEnd().split('\n').at(-1) ?? '');
}
