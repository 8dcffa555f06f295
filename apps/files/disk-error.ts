import { ExplainedError } from '../error.ts';
import { codeOf } from '../process/code-of.ts';

/** Error codes of errno(3) → what they mean to an operator, and what to do. */
const MEANINGS: Readonly<Record<string, readonly [what: string, fix: string]>> = {
  ENOSPC: ['the disk is full', 'Make room on it.'],
  EDQUOT: ['the disk is full', 'Make room on it.'],
  EROFS: ['the disk is read-only', 'Use one that can be written.'],
  EIO: ['the disk gives errors', 'Look at the kernel’s log, and replace it.'],
};

/** A file cannot be written. */
export class DiskError extends ExplainedError {
  /** Code of errno(3), such as `ENOSPC`. */
  readonly code: string;

  constructor(file: string, code: string, cause: unknown) {
    const [why, fix] = MEANINGS[code] ?? [code, undefined];
    super({ what: `${file} cannot be written: ${why}`, fix, cause });
    this.code = code;
  }
}

/** Turns a system error into a DiskError that names the file; returns any other error unchanged. */
export function asDiskError(file: string, error: unknown): unknown {
  const code = codeOf(error);
  return code === undefined ? error : new DiskError(file, code, error);
}
