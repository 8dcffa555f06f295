import { CommandError } from '../process/command-error.ts';

/** Words for the errors of file systems (strerror(3)): those of glibc, and of musl where they differ. */
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
  // Of dash, and of busybox's shell.
  ['Directory nonexistent', 'ENOENT'],
  ['nonexistent directory', 'ENOENT'],
]);

/** An error of the system that a child was told. */
export class SystemError extends Error {
  override readonly name = 'SystemError';

  /** As errno(3) has it; empty if it is none that is known here. */
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

/** The system's error at the end of a line of a child's complaints: `PROGRAM: WHAT: WORDS`. */
export function parseSystemError(line: string): SystemError {
  const words = line.slice(line.lastIndexOf(': ') + 1).trim();
  return new SystemError(WORDS.get(words) ?? '', words === '' ? 'failed without a word' : words);
}

/** What a command that exited badly was told by the system, in the last line of its complaints. */
export function systemErrorOf(error: unknown): unknown {
  if (!(error instanceof CommandError) || error.failure !== 'exit') return error;
  return parseSystemError(error.stderr.trimEnd().split('\n').at(-1) ?? '');
}
