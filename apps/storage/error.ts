import { ExplainedError } from '../error.ts';
import { CommandError } from '../process/command-error.ts';
import { ServiceError } from '../services/control.ts';

/** A pool cannot be used, or not as requested. `message` is for the operator. */
export class StorageError extends ExplainedError {}

/** Returns whether an error has a message for the operator and is not a bug. */
export function isExplainedByStorage(error: unknown): error is Error {
  return (
    error instanceof StorageError || error instanceof CommandError || error instanceof ServiceError
  );
}
