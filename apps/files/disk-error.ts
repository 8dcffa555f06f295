import { ExplainedError } from '../error.ts';
import { getErrorCode } from '../process/code-of.ts';

/** Error codes of errno(3) → what they mean to an operator, and what to do. */
const MEANINGS: Readonly<Record<string, readonly [what: string, fix: string]>> = {
  ENOSPC: ['the disk is full', 'Make room on it.'],
  EDQUOT: ['the disk is full', 'Make room on it.'],
  EROFS: ['the disk is read-only', 'Use one that can be written.'],
  EIO: ['the disk gives errors', 'Look at the kernel’s log, and replace it.'],
  EACCES: ['permission is denied', 'Look at its owner and its permissions.'],
  EPERM: ['permission is denied', 'Look at its owner and its permissions.'],
  ENOTDIR: ['it is not a folder, or not in one', 'Move away what is in its place.'],
  EEXIST: ['it is not a folder', 'Move away what is in its place.'],
  EISDIR: ['it is a folder', 'Name a file.'],
  ERR_FS_EISDIR: ['it is a folder', 'Move it away.'],
};

/** How a file was accessed. */
export type Access = 'read' | 'written';

/** A file or folder cannot be written, or read. */
export class DiskError extends ExplainedError {
  /** Code of errno(3), such as `ENOSPC`. */
  readonly code: string;

  constructor(file: string, code: string, cause: unknown, access: Access = 'written') {
    const [why, fix] = MEANINGS[code] ?? [code, undefined];
    super({ what: `${file} cannot be ${access}: ${why}`, fix, cause });
    this.code = code;
  }
}

/** Turns a system error into a DiskError that names the file; returns any other error unchanged. */
export function asDiskError(file: string, error: unknown, access: Access = 'written'): unknown {
  if (error instanceof DiskError) return error;
  const code = getErrorCode(error);
  return code === undefined ? error : new DiskError(file, code, error, access);
}
